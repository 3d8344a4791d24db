
A


service.name
runner#

test*log09AWY&