package embedded

import (
	"strings"
	"testing"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"

	"github.com/ldapsuggest/ldapsuggest/ldapserver/embedded/schema"
	"github.com/ldapsuggest/ldapsuggest/policy"
)

var filterEntry = policy.Entry{DN: "uid=jo,ou=People,dc=example,dc=com", Attributes: []policy.Attribute{
	{Name: "objectClass", Values: []string{"top", "inetOrgPerson"}},
	{Name: "cn", Values: []string{"Jo  Sommer", "Johanna"}},
	{Name: "cn;lang-de", Values: []string{"Jo Müller"}},
	{Name: "uidNumber", Values: []string{"0042"}},
	{Name: "telephoneNumber", Values: []string{"+49 30 123-4567"}},
	{Name: "manager", Values: []string{"CN=Boss\\2C Big, OU=People,dc=example,dc=com"}},
	{Name: "labeledURI", Values: []string{"http://Example.com/ A"}},
	{Name: "jpegPhoto", Values: []string{"\x00\x01(*)\\"}},
	{Name: "createTimestamp", Values: []string{"20260101120000Z"}},
	{Name: "x-unknown", Values: []string{"Some Value"}},
	{Name: "ds-cfg-enabled", Values: []string{"true"}},
	{Name: "userPassword", Values: []string{"{SSHA}x"}},
}}

func testSchema(t testing.TB) *schema.Schema {
	t.Helper()
	s, err := schema.Default()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestFilter(t *testing.T) {
	const T, F, U = isTrue, isFalse, isUndefined
	tests := []struct {
		filter string
		want   truth
	}{
		{"", T}, {"(objectClass=*)", T}, {"(OBJECTCLASS=INETORGPERSON)", T}, {"(2.5.4.0=top)", T}, {"(objectClass=person)", F},
		{"(cn=jo sommer)", T}, {"(cn= JO   sommer )", T}, {"(commonName=johanna)", T}, {"(cn=jo)", F},
		{"(cn=jo müller)", T}, {"(cn=JO M\\c3\\9cLLER)", T}, {"(cn;lang-de=jo müller)", T}, {"(cn;lang-de=johanna)", F}, {"(cn;lang-en=*)", F},
		{"(name=johanna)", T}, {"(sn=*)", F}, {"(pager=*)", F},
		{"(cn=jo*)", T}, {"(cn=*mer)", T}, {"(cn=*han*)", T}, {"(cn=j*o*som*r)", T}, {"(cn=j*r*som*)", F}, {"(cn=jo *)", T}, {"(cn=johannaa*)", F}, {"(cn=*johanna*johanna*)", F},
		{"(uidNumber=42)", T}, {"(uidNumber=042)", T}, {"(uidNumber>=42)", T}, {"(uidNumber>=43)", F}, {"(uidNumber<=100)", T}, {"(uidNumber<=9)", F}, {"(uidNumber=x)", U}, {"(uidNumber>=x)", U},
		{"(telephoneNumber=+49301234567)", T}, {"(telephoneNumber=*1234*)", T},
		{`(manager=cn=boss\5c, big,ou=people,dc=example,dc=com)`, T}, {"(manager=nobody)", U}, {"(manager>=cn=a)", U},
		{"(labeledURI=http://Example.com/ A)", T}, {"(labeledURI=http://example.com/ a)", F},
		{`(jpegPhoto=\00\01\28\2a\29\5c)`, T}, {`(jpegPhoto=\00\01*)`, T}, {`(jpegPhoto=\00)`, F},
		{"(createTimestamp>=20251231235959Z)", T}, {"(createTimestamp=202601011300+0100)", T}, {"(createTimestamp<=20260101115959.999Z)", F}, {"(createTimestamp>=yesterday)", U},
		{"(x-unknown=SOME  value)", T}, {"(x-unknown~=some value)", T}, {"(ds-cfg-enabled=TRUE)", T},
		{"(!(cn=nobody))", T}, {"(!(cn=johanna))", F}, {"(!(uidNumber=x))", U},
		{"(&)", T}, {"(|)", F}, {"(&(cn=johanna)(uidNumber=x))", U}, {"(&(cn=nobody)(uidNumber=x))", F}, {"(|(cn=johanna)(uidNumber=x))", T}, {"(|(cn=nobody)(uidNumber=x))", U},
		{"(cn:caseExactMatch:=Johanna)", T}, {"(cn:caseExactMatch:=johanna)", F}, {"(cn:2.5.13.2:=johanna)", T}, {"(cn:=johanna)", T}, {"(:caseExactMatch:=Johanna)", T},
		{"(ou:dn:=people)", T}, {"(ou:=people)", F}, {"(:dn:caseIgnoreMatch:=PEOPLE)", T}, {"(cn:noSuchMatch:=x)", U},
		{"(uidNumber:1.2.840.113556.1.4.803:=10)", T}, {"(uidNumber:1.2.840.113556.1.4.803:=1)", F}, {"(uidNumber:1.2.840.113556.1.4.804:=3)", T},
		{"(userPassword=*)", U}, {"(!(userPassword=*))", U}, {"(userPassword:octetStringMatch:={SSHA}x)", F}, {"(:octetStringMatch:={SSHA}x)", F},
	}
	s := testSchema(t)
	for _, tt := range tests {
		f, err := parseFilter(tt.filter)
		if err != nil {
			t.Errorf("%s: %v", tt.filter, err)
			continue
		}
		if got := f.compile(s, session{}.hides)("", filterEntry); got != tt.want {
			t.Errorf("%s: %d, want %d", tt.filter, got, tt.want)
		}
	}
	all := (&filter{kind: filterPresent, attribute: "userPassword"}).compile(s, session{admin: true}.hides)
	if all("", filterEntry) != isTrue {
		t.Error("the administrator cannot search for passwords")
	}
}

func TestParseFilterRefuses(t *testing.T) {
	for _, s := range []string{
		"cn=a", "(cn=a", "(cn=a))", "()", "(=a)", "(cn)", "(cn=a)(sn=b)", "(!)", "(!(cn=a)(cn=b))", "(cn=**)", "(cn=a**b)",
		`(cn=\)`, `(cn=\4)`, `(cn=\zz)`, "(cn>=a*)", "(c n=a)", "(:=a)", "(:dn:=a)", "(cn:a:b:c:=x)", "(cn=\x00)", "( cn=a)", "(&(cn=a) )",
		strings.Repeat("(!", maxFilterDepth+2) + "(cn=a)" + strings.Repeat(")", maxFilterDepth+2),
	} {
		if _, err := parseFilter(s); err == nil {
			t.Errorf("%q is taken for a filter", s)
		}
	}
}

// A filter means the same whether it is read from BER or from the string that
// go-ldap, and with it gldap, makes of it.
func FuzzFilter(f *testing.F) {
	for _, s := range []string{
		"(objectClass=*)", "(cn=a)", `(cn=\00\ff\28\29\2a)`, "(cn=a*b*c)", "(cn=*)", "(cn=*a)", "(cn=a*)", "(&(cn=a)(|(sn>=b)(!(sn<=c))))",
		"(cn:caseExactMatch:=x)", "(:2.5.13.5:=x)", "(cn~=a)", "(&)", "(|)",
	} {
		p, err := ldap.CompileFilter(s)
		if err != nil {
			continue // what go-ldap does not write, as the last two
		}
		f.Add(p.Bytes())
	}
	s := testSchema(f)
	f.Fuzz(func(t *testing.T, raw []byte) {
		r := &cursor{rest: raw}
		fromBER, err := readFilter(r, 0)
		if err != nil || len(r.rest) > 0 || !fromBER.speakable() {
			return
		}
		p, err := ber.DecodePacketErr(raw)
		if err != nil {
			t.Fatalf("asn1-ber refuses what we read: %v", err)
		}
		text, err := ldap.DecompileFilter(p)
		if err != nil {
			t.Fatalf("go-ldap cannot write what we let through: %v", err)
		}
		fromText, err := parseFilter(text)
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		for _, hides := range []func(*schema.Type) bool{session{}.hides, session{admin: true}.hides} {
			a := fromBER.compile(s, hides)("", filterEntry)
			b := fromText.compile(s, hides)("", filterEntry)
			if a != b {
				t.Fatalf("%q: %d from BER, %d from text", text, a, b)
			}
		}
	})
}

func FuzzParseFilter(f *testing.F) {
	f.Add("(&(cn=a)(|(sn>=b)(!(sn<=c)))(cn:dn:2.5.13.2:=x)(cn=a*b\\2a*))")
	s := testSchema(f)
	f.Fuzz(func(t *testing.T, in string) {
		parsed, err := parseFilter(in)
		if err != nil {
			return
		}
		parsed.compile(s, session{}.hides)("", filterEntry)
	})
}
