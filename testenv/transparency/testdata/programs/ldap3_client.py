"""ldap3: the whole result of each operation, controls and referrals too.

Of StartTLS the name and the text in the response are left out.
"""

import os
import ssl
import sys

import ldap3
from ldap3.core.exceptions import LDAPException

env = os.environ
base, admin, password = env["BASE"], env["ADMIN"], env["ADMINPW"]
done = 0


def connect(url=None, **kwargs):
    tls = ldap3.Tls(validate=ssl.CERT_NONE)
    server = ldap3.Server(url or env["URL"], get_info=ldap3.NONE, tls=tls)
    return ldap3.Connection(server, auto_referrals=False, receive_timeout=30, check_names=False, **kwargs)


def value(v):
    if isinstance(v, dict):
        return "{" + ", ".join("%s: %s" % (k, value(v[k])) for k in sorted(v)) + "}"
    if isinstance(v, (list, tuple)):
        return "[" + ", ".join(value(x) for x in v) + "]"
    return repr(v)


def op(name, f, *args, **kwargs):
    global done
    done += 1
    try:
        f(*args, **kwargs)
    except LDAPException as e:
        print("%s: %s %s" % (name, type(e).__name__, e))
    print("%s: %s" % (name, value({k: v for k, v in (c.result or {}).items() if name != "StartTLS" or k in ("description", "dn", "result")})))
    for entry in c.response if isinstance(c.response, list) else ():
        if "attributes" in entry:
            print("  %s %s" % (entry["dn"], value(dict(entry["raw_attributes"]))))
        elif "uri" in entry:
            print("  %s" % value(entry["uri"]))


c = connect(user=admin, password="wrong")
op("wrong password", c.bind)
c = connect()
op("anonymous", c.bind)
c = connect(user=admin, password=password)
op("bind", c.bind)
op("whoami", c.extend.standard.who_am_i)
op("search", c.search, base, "(cn=*)", ldap3.LEVEL, attributes=["cn", "sn", "mail"])
op("search nobody", c.search, "cn=nobody," + base, "(cn=*)", ldap3.BASE)
op("search with limit", c.search, env["PEOPLE"], "(cn=*)", ldap3.LEVEL, attributes=["1.1"], size_limit=3)
op("extensible", c.search, base, "(cn:2.5.13.2:=ALICE)", ldap3.SUBTREE, attributes=["cn"])
op("never dereference", c.search, base, "(cn=al*)", ldap3.LEVEL, dereference_aliases=ldap3.DEREF_NEVER, attributes=["cn"])
op("dereference", c.search, base, "(cn=al*)", ldap3.LEVEL, dereference_aliases=ldap3.DEREF_ALWAYS, attributes=["cn"])
op("types only", c.search, base, "(cn=alice)", ldap3.SUBTREE, attributes=["cn", "mail"], types_only=True)
op("unknown control", c.search, base, "(cn=alice)", ldap3.SUBTREE, attributes=["cn"], controls=[("1.2.3.4", False, b"x")])
if env["SERVER"] != "samba":
    op("unknown critical control", c.search, base, "(cn=alice)", ldap3.SUBTREE, attributes=["cn"], controls=[("1.2.3.4", True, b"x")])

cookie = None
for number in range(1, 20):
    op("page %d" % number, c.search, base, "(objectClass=*)", ldap3.SUBTREE, attributes=["1.1"], paged_size=4, paged_cookie=cookie)
    cookie = c.result.get("controls", {}).get("1.2.840.113556.1.4.319", {}).get("value", {}).get("cookie")
    if not cookie:
        break

kind = "contact" if env["SERVER"] == "samba" else "inetOrgPerson"
dn = "cn=ldap3," + base
op("add", c.add, dn, kind, {"sn": "Three"})
op("add again", c.add, dn, kind, {"sn": "Three"})
op("add without parent", c.add, "cn=x,ou=nowhere," + base, kind, {"sn": "Three"})
op("modify", c.modify, dn, {"sn": [(ldap3.MODIFY_REPLACE, ["Drei"])], "title": [(ldap3.MODIFY_ADD, ["Dr"])]})
op("modify fails", c.modify, dn, {"title": [(ldap3.MODIFY_DELETE, ["Prof"])]})
op("increment", c.modify, dn, {"sn": [(ldap3.MODIFY_INCREMENT, ["1"])]})
op("compare", c.compare, dn, "sn", "drei")
op("compare false", c.compare, dn, "sn", "x")
op("rename", c.modify_dn, dn, "cn=ldap4", delete_old_dn=True, new_superior="ou=tree," + base)
op("rename what has gone", c.modify_dn, dn, "cn=ldap4")
op("delete what has gone", c.delete, dn)
op("delete", c.delete, "cn=ldap4,ou=tree," + base)
op("not a leaf", c.delete, "ou=tree," + base)
op("unknown extended operation", c.extended, "1.2.3.4.5", b"x")
op("abandon", c.abandon, 4242)
if env["SERVER"] != "samba":
    op("referral", c.add, "cn=x,cn=elsewhere," + base, kind, {"sn": "x"})
    op("referral with ManageDsaIT", c.search, "cn=elsewhere," + base, "(objectClass=*)", ldap3.BASE, attributes=["ref"],
       controls=[("2.16.840.1.113730.3.4.2", True, None)])

if env.get("WITHOUT_TLS"):
    c.unbind()
    sys.exit(0)

c = connect(user=admin, password=password)
op("open", c.open)
op("StartTLS", c.start_tls)
op("bind under TLS", c.bind)
if env["SERVER"] != "samba":
    op("password", lambda: c.extend.standard.modify_password("cn=alice," + base, None, "Ldap3-Pw1!xyz" + env["RUN"]))
if env["SERVER"] == "slapd":
    c = connect(authentication=ldap3.SASL, sasl_mechanism="PLAIN", sasl_credentials=(None, "sasl", env["SASLPW"]))
    op("SASL PLAIN", c.bind)
    op("whoami", c.extend.standard.who_am_i)
c = connect(env["TLSURL"], user=admin, password=password)
op("ldaps", c.bind)
op("search under TLS", c.search, base, "(cn=alice)", ldap3.SUBTREE, attributes=["cn"])
op("unbind", c.unbind)
print("operations: %d" % done)
sys.exit(0 if done >= 35 else 1)
