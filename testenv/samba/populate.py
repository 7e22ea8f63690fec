"""Fill a provisioned domain, in one interpreter: each samba-tool of its own
would cost more than half a second of start-up.

Usage: populate.py smb.conf data.json
"""
import json
import sys

from samba.auth import system_session
from samba.dcerpc import security
from samba.ndr import ndr_unpack
from samba.netcmd.main import cmd_sambatool
from samba.param import LoadParm
from samba.samdb import SamDB

conf = sys.argv[1]
with open(sys.argv[2]) as f:
    data = json.load(f)


def tool(*args):
    # -s belongs to the innermost command, so it goes last.
    status = cmd_sambatool()._run("samba-tool", *args, "-s", conf)
    if status not in (None, 0):
        sys.exit("samba-tool %s: %s" % (" ".join(args[:3]), status))


d = data["domain"]
tool("domain", "passwordsettings", "set", "--complexity=" + d["complexity"],
     "--min-pwd-length=%d" % d["length"], "--history-length=%d" % d["history"],
     "--min-pwd-age=0", "--max-pwd-age=90", "--account-lockout-threshold=0")
tool("ou", "create", "OU=People")
for u in data["users"]:
    tool("user", "create", u["name"], u["password"], "--given-name=" + u["given"],
         "--surname=" + u["surname"], "--userou=OU=People")
for name, members in data["groups"].items():
    tool("group", "add", name, "--groupou=OU=People")
    if members:
        tool("group", "addmembers", name, ",".join(members))
for p in data["settings"]:
    tool("domain", "passwordsettings", "pso", "create", p["name"], str(p["precedence"]),
         "--min-pwd-length=%d" % p["length"], "--complexity=" + p["complexity"],
         "--history-length=%d" % p["history"], "--min-pwd-age=0", "--max-pwd-age=60",
         "--store-plaintext=off", "--account-lockout-threshold=0",
         "--account-lockout-duration=30", "--reset-account-lockout-after=30")
    tool("domain", "passwordsettings", "pso", "apply", p["name"], p["applies"])

# Only domain administrators can read what a settings object says, unless
# granted.
lp = LoadParm()
lp.load(conf)
db = SamDB(url=lp.samdb_url(), session_info=system_session(), lp=lp)
found = db.search(expression="(sAMAccountName=%s)" % data["reader"], attrs=["objectSid"])
sid = ndr_unpack(security.dom_sid, found[0]["objectSid"][0])
del db
tool("dsacl", "set", "--objectdn=CN=Password Settings Container,CN=System," + data["base"],
     "--sddl=(A;CI;RPLCRCLO;;;%s)" % sid, "-H", lp.samdb_url())
