"""Prints the answer to a bind with SASL EXTERNAL."""

import os

import ldap3

c = ldap3.Connection(ldap3.Server(os.environ["URL"], get_info=ldap3.NONE), authentication=ldap3.SASL,
                     sasl_mechanism=ldap3.EXTERNAL, sasl_credentials="")
print(c.bind(), c.result["result"], c.result["message"])
