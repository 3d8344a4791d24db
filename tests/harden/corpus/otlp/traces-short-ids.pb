
J


service.name
runner,

test"
xy"z*log09AWY&