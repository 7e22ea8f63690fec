package rule

import (
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

// stripDiacritics returns s without accents: precomposed letters of the
// Latin, Greek and Cyrillic scripts give way to their base letters (the first
// character of the canonical decomposition, Unicode 15), combining marks go.
func stripDiacritics(s string) string {
	if isASCII(s) {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if r = baseLetter(r); r >= 0 {
			b.WriteRune(r)
		}
	}
	return b.String()
}

func isASCII(s string) bool {
	for i := range len(s) {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// baseLetter returns r without its accents, or -1 for a combining mark.
func baseLetter(r rune) rune {
	if r < utf8.RuneSelf {
		return r
	}
	if unicode.Is(unicode.Mn, r) {
		return -1
	}
	if base, ok := baseLetters()[r]; ok {
		return base
	}
	return r
}

var baseLetters = sync.OnceValue(func() map[rune]rune {
	letters := make(map[rune]rune)
	for group := range strings.FieldsSeq(accented) {
		base, size := utf8.DecodeRuneInString(group)
		for _, r := range group[size:] {
			letters[r] = base
		}
	}
	return letters
})

// accented lists each base letter followed by the letters made of it.
const accented = `
AÀÁÂÃÄÅĀĂĄǍǞǠǺȀȂȦḀẠẢẤẦẨẪẬẮẰẲẴẶÅ
BḂḄḆ
CÇĆĈĊČḈ
DĎḊḌḎḐḒ
EÈÉÊËĒĔĖĘĚȄȆȨḔḖḘḚḜẸẺẼẾỀỂỄỆ
FḞ
GĜĞĠĢǦǴḠ
HĤȞḢḤḦḨḪ
IÌÍÎÏĨĪĬĮİǏȈȊḬḮỈỊ
JĴ
KĶǨḰḲḴ
LĹĻĽḶḸḺḼ
MḾṀṂ
NÑŃŅŇǸṄṆṈṊ
OÒÓÔÕÖŌŎŐƠǑǪǬȌȎȪȬȮȰṌṎṐṒỌỎỐỒỔỖỘỚỜỞỠỢ
PṔṖ
RŔŖŘȐȒṘṚṜṞ
SŚŜŞŠȘṠṢṤṦṨ
TŢŤȚṪṬṮṰ
UÙÚÛÜŨŪŬŮŰŲƯǓǕǗǙǛȔȖṲṴṶṸṺỤỦỨỪỬỮỰ
VṼṾ
WŴẀẂẄẆẈ
XẊẌ
YÝŶŸȲẎỲỴỶỸ
ZŹŻŽẐẒẔ
aàáâãäåāăąǎǟǡǻȁȃȧḁạảấầẩẫậắằẳẵặ
bḃḅḇ
cçćĉċčḉ
dďḋḍḏḑḓ
eèéêëēĕėęěȅȇȩḕḗḙḛḝẹẻẽếềểễệ
fḟ
gĝğġģǧǵḡ
hĥȟḣḥḧḩḫẖ
iìíîïĩīĭįǐȉȋḭḯỉị
jĵǰ
kķǩḱḳḵ
lĺļľḷḹḻḽ
mḿṁṃ
nñńņňǹṅṇṉṋ
oòóôõöōŏőơǒǫǭȍȏȫȭȯȱṍṏṑṓọỏốồổỗộớờởỡợ
pṕṗ
rŕŗřȑȓṙṛṝṟ
sśŝşšșṡṣṥṧṩ
tţťțṫṭṯṱẗ
uùúûüũūŭůűųưǔǖǘǚǜȕȗṳṵṷṹṻụủứừửữự
vṽṿ
wŵẁẃẅẇẉẘ
xẋẍ
yýÿŷȳẏẙỳỵỷỹ
zźżžẑẓẕ
ÆǢǼ
ØǾ
æǣǽ
øǿ
ſẛ
ƷǮ
ʒǯ
ΑΆἈἉἊἋἌἍἎἏᾈᾉᾊᾋᾌᾍᾎᾏᾸᾹᾺΆᾼ
ΕΈἘἙἚἛἜἝῈΈ
ΗΉἨἩἪἫἬἭἮἯᾘᾙᾚᾛᾜᾝᾞᾟῊΉῌ
ΙΊΪἸἹἺἻἼἽἾἿῘῙῚΊ
ΟΌὈὉὊὋὌὍῸΌ
ΡῬ
ΥΎΫὙὛὝὟῨῩῪΎ
ΩΏὨὩὪὫὬὭὮὯᾨᾩᾪᾫᾬᾭᾮᾯῺΏῼ
αάἀἁἂἃἄἅἆἇὰάᾀᾁᾂᾃᾄᾅᾆᾇᾰᾱᾲᾳᾴᾶᾷ
εέἐἑἒἓἔἕὲέ
ηήἠἡἢἣἤἥἦἧὴήᾐᾑᾒᾓᾔᾕᾖᾗῂῃῄῆῇ
ιΐίϊἰἱἲἳἴἵἶἷὶίῐῑῒΐῖῗ
οόὀὁὂὃὄὅὸό
ρῤῥ
υΰϋύὐὑὒὓὔὕὖὗὺύῠῡῢΰῦῧ
ωώὠὡὢὣὤὥὦὧὼώᾠᾡᾢᾣᾤᾥᾦᾧῲῳῴῶῷ
ϒϓϔ
ІЇ
АӐӒ
ГЃ
ЕЀЁӖ
ЖӁӜ
ЗӞ
ИЍЙӢӤ
КЌ
ОӦ
УЎӮӰӲ
ЧӴ
ЫӸ
ЭӬ
аӑӓ
гѓ
еѐёӗ
жӂӝ
зӟ
ийѝӣӥ
кќ
оӧ
уўӯӱӳ
чӵ
ыӹ
эӭ
ії
ѴѶ
ѵѷ
ӘӚ
әӛ
ӨӪ
өӫ
`
