
N


service.name
runner0.		INFO*
hello2

session.id
s1