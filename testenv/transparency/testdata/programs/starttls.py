"""Prints the answer to StartTLS."""

import os

import ldap3

c = ldap3.Connection(ldap3.Server(os.environ["URL"], get_info=ldap3.NONE))
c.open()
print(c.extended("1.3.6.1.4.1.1466.20037"), c.result["responseName"], c.result["message"])
