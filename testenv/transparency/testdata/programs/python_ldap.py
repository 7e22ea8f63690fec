"""python-ldap: one line or more for each operation, with its result."""

import os
import sys

import ldap
import ldap.controls
import ldap.controls.readentry
from ldap.controls import libldap, sss, vlv

env = os.environ
base, admin, password = env["BASE"], env["ADMIN"], env["ADMINPW"]
done = 0


def show(value, indent="  "):
    if isinstance(value, dict):
        for key in sorted(value):
            print(indent + "%s: %r" % (key, value[key]))
    elif value is not None:
        print(indent + "%r" % (value,))


def controls(found):
    for c in found or ():
        print("  control %s %s %r" % (c.controlType, c.criticality, getattr(c, "encodedControlValue", None)))
        for name in ("size", "entry", "dn", "result", "sortResult", "error"):
            if hasattr(c, name):
                print("    %s=%r" % (name, getattr(c, name)))


def op(name, f, *args, **kwargs):
    """Runs an operation, prints how it ended, and returns what it returned."""
    global done
    done += 1
    try:
        value = f(*args, **kwargs)
    except ldap.LDAPError as e:
        print("%s: %s" % (name, type(e).__name__))
        details = dict(e.args[0]) if e.args and isinstance(e.args[0], dict) else {}
        details.pop("ctrls", None)
        show(details)
        return None
    print("%s: success" % name)
    return value


def connect(url=None):
    c = ldap.initialize(url or env["URL"])
    c.set_option(ldap.OPT_REFERRALS, 0)
    c.timeout = 30
    return c


def results(c, msgid):
    """Everything that answers a request, as it comes."""
    while True:
        kind, data, mid, ctrls, name, value = c.result4(msgid, all=0, add_ctrls=1, add_intermediates=1)
        for item in data or ():
            dn, attrs = item[0], item[1]
            print("  %s %r" % (ldap_name(kind), dn))
            show(attrs if isinstance(attrs, dict) else {"refs": attrs}, "    ")
            controls(item[2] if len(item) > 2 else None)
        if kind not in (ldap.RES_SEARCH_ENTRY, ldap.RES_SEARCH_REFERENCE, ldap.RES_INTERMEDIATE):
            controls(ctrls)
            if name:
                print("  name %s value %r" % (name, value))
            return


def ldap_name(kind):
    return {100: "entry", 115: "reference", 121: "intermediate"}.get(kind, kind)


c = connect()
op("version 3 is used", lambda: c.protocol_version == 3)
op("bind with a wrong password", c.simple_bind_s, admin, "wrong")
op("unauthenticated bind", c.simple_bind_s, admin, "")
op("bind", c.simple_bind_s, admin, password)
show(op("who am I", c.whoami_s))
op("search one", lambda: results(c, c.search_ext(base, ldap.SCOPE_ONELEVEL, "(cn=a*)", ["cn", "sn", "mail"])))
op("search types only", lambda: results(c, c.search_ext(base, ldap.SCOPE_ONELEVEL, "(cn=alice)", ["cn", "sn", "mail"], attrsonly=1)))
op("search base", lambda: results(c, c.search_ext("cn=nobody," + base, ldap.SCOPE_BASE)))
op("search bad filter", lambda: results(c, c.search_ext(base, ldap.SCOPE_BASE, "(((")))
op("search bad DN", lambda: results(c, c.search_ext("no dn", ldap.SCOPE_BASE)))

# Two requests at a time, answers as they come.
first = c.search_ext(base, ldap.SCOPE_ONELEVEL, "(cn=bob)", ["cn"])
second = c.search_ext(base, ldap.SCOPE_ONELEVEL, "(cn=alice)", ["cn"])
op("the second", lambda: results(c, second))
op("the first", lambda: results(c, first))
third = c.search_ext(base, ldap.SCOPE_SUBTREE)
op("abandon", c.abandon_ext, third)

page = libldap.SimplePagedResultsControl(True, size=3, cookie="")
number = 0
while number < 20:
    number += 1
    msgid = c.search_ext(base, ldap.SCOPE_SUBTREE, "(objectClass=*)", ["1.1"], serverctrls=[page])
    found = op("page %d" % number, c.result3, msgid)
    if not found:
        break
    print("  %s" % sorted(dn for dn, _ in found[1] if dn))
    back = [x for x in found[3] if x.controlType == page.controlType]
    print("  controls %s" % [x.controlType for x in found[3]])
    if not back or not back[0].cookie:
        break
    page.cookie = back[0].cookie

op("sorted", lambda: results(c, c.search_ext(base, ldap.SCOPE_ONELEVEL, "(sn=*)", ["sn"], serverctrls=[
    sss.SSSRequestControl(criticality=False, ordering_rules=["sn:2.5.13.3"])])))
if env["SERVER"] == "slapd":
    # The handle on the sorted list is an address of slapd's.
    for request in (vlv.VLVRequestControl(True, 2, 3, 10, 40), vlv.VLVRequestControl(True, 1, 1, greater_than_or_equal="user007")):
        found = op("virtual list view", c.result3, c.search_ext(env["PEOPLE"], ldap.SCOPE_ONELEVEL, "(uid=*)", ["uid"], serverctrls=[
            sss.SSSRequestControl(criticality=True, ordering_rules=["uid:2.5.13.3"]), request]))
        for dn, attrs in found[1]:
            print("  %s" % dn)
        for x in found[3]:
            print("  control %s" % x.controlType)
            for name in ("targetPosition", "contentCount", "virtualListViewResult", "sortResult"):
                if hasattr(x, name):
                    print("    %s=%r" % (name, getattr(x, name)))
        c.unbind_ext_s()
        c = connect()
        c.simple_bind_s(admin, password)
op("critical unknown control", lambda: results(c, c.compare_ext("cn=alice," + base, "cn", b"alice", serverctrls=[
    ldap.controls.RequestControl("1.2.3.4", True, b"x")])))
op("unknown control", lambda: results(c, c.compare_ext("cn=alice," + base, "cn", b"alice", serverctrls=[
    ldap.controls.RequestControl("1.2.3.4", False, b"x")])))

# Writing
kind = b"contact" if env["SERVER"] == "samba" else b"inetOrgPerson"
dn = "cn=python," + base
op("add", lambda: results(c, c.add_ext(dn, [("objectClass", [kind]), ("sn", [b"Py"])])))
op("add again", lambda: results(c, c.add_ext(dn, [("objectClass", [kind]), ("sn", [b"Py"])])))
op("modify", lambda: results(c, c.modify_ext(dn, [(ldap.MOD_REPLACE, "description", [b"\x00\xff binary", b"2"])])))
op("modify with read controls", lambda: results(c, c.modify_ext(dn, [(ldap.MOD_REPLACE, "sn", [b"Thon"])], serverctrls=[
    ldap.controls.readentry.PreReadControl(False, attrList=["sn"]), ldap.controls.readentry.PostReadControl(False, attrList=["sn"])])))
op("modify with assertion", lambda: results(c, c.modify_ext(dn, [(ldap.MOD_REPLACE, "sn", [b"No"])], serverctrls=[
    libldap.AssertionControl(True, "(sn=Other)")])))
op("modify what is not there", lambda: results(c, c.modify_ext(dn, [(ldap.MOD_DELETE, "title", None)])))
op("compare true", lambda: results(c, c.compare_ext(dn, "sn", b"Thon")))
op("compare false", lambda: results(c, c.compare_ext(dn, "sn", b"x")))
op("rename", lambda: results(c, c.rename(dn, "cn=monty", "ou=tree," + base, 1)))
op("delete what has gone", lambda: results(c, c.delete_ext(dn)))
op("delete", lambda: results(c, c.delete_ext("cn=monty,ou=tree," + base)))
op("unknown extended operation", c.extop_s, ldap.extop.ExtendedRequest("1.2.3.4.5", b"x"))
op("cancel what is not there", c.cancel_s, 4242)

if env.get("WITHOUT_TLS"):
    c.unbind_s()
    sys.exit(0)

# TLS
s = connect()
if env.get("LDAPTLS_REQCERT"):
    s.set_option(ldap.OPT_X_TLS_REQUIRE_CERT, ldap.OPT_X_TLS_ALLOW)
    s.set_option(ldap.OPT_X_TLS_NEWCTX, 0)
op("StartTLS", s.start_tls_s)
op("bind under TLS", s.simple_bind_s, admin, password)
if env["SERVER"] != "samba":
    op("password", s.passwd_s, "cn=alice," + base, None, "Python-Pw1!xyz" + env["RUN"])
    a = connect()
    op("bind with the new password", a.simple_bind_s, "cn=alice," + base, "Python-Pw1!xyz" + env["RUN"])
    op("may not", lambda: results(a, a.delete_ext("cn=bob," + base)))
op("unbind", c.unbind_s)
print("operations: %d" % done)
sys.exit(0 if done >= 35 else 1)
