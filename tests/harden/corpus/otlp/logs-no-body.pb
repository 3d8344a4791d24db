
1


service.name
runner		INFO