# Before every command of a battery.

# tool NAME ARG...: one of OpenLDAP's tools, anonymous.
tool() {
	name=$1
	shift
	case $name in
	ldapsearch) "$name" -x -H "$URL" -o ldif-wrap=no "$@" ;;
	*) "$name" -x -H "$URL" "$@" ;;
	esac
}

# as DN PASSWORD NAME ARG...: the same, bound.
as() {
	who=$1 password=$2 name=$3
	shift 3
	tool "$name" -D "$who" -w "$password" "$@"
}

admin() { as "$ADMIN" "$ADMINPW" "$@"; }
reader() { as "$READER" "$READERPW" "$@"; }
alice() { as "cn=alice,$BASE" "$ALICEPW" "$@"; }

# secure NAME ARG...: the same over ldaps.
secure() {
	URL=$TLSURL
	"$@"
}

# change RDN LDIF ARG...: modifies an entry below $BASE.
change() {
	entry=$1 text=$2
	shift 2
	printf 'dn: %s,%s\nchangetype: modify\n%b\n' "$entry" "$BASE" "$text" | admin ldapmodify "$@"
}

# new RDN LDIF ARG...: adds an entry below $BASE.
new() {
	entry=$1 text=$2
	shift 2
	printf 'dn: %s,%s\n%b\n' "$entry" "$BASE" "$text" | admin ldapadd "$@"
}

# octets N: so many.
octets() { head -c "$1" /dev/zero | tr '\0' x; }

# jndi FILE: a Java program, where a JDK is installed.
jndi() {
	if command -v javac >/dev/null; then java "$@" 2>&1; else echo "not run: no JDK is installed"; fi
}
