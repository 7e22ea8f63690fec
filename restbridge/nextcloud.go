package restbridge

import (
	"context"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"hash/crc32"
	"math/bits"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/ldapsuggest/ldapsuggest/extop"
	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/policy"
	"github.com/ldapsuggest/ldapsuggest/policy/generate"
	"github.com/ldapsuggest/ldapsuggest/policy/rule"
)

// Nextcloud configures the API of Nextcloud Passwords: its password service
// and its look-up of breached passwords.
type Nextcloud struct {
	// Strength, Numbers and Special are the user's settings, for requests
	// that leave them out. Strength is from 0 to 4; nil means 1.
	Strength         *int
	Numbers, Special bool

	// PolicyDN is the policy that passwords meet. Empty means the
	// directory's default policy.
	PolicyDN string

	// Words are what passwords are made of. Nil means the large list of the
	// Electronic Frontier Foundation.
	Words *generate.WordList

	// Breaches, if not nil, is a list of breached passwords, none of which
	// is given out. If it holds whole hashes, ranges of it are served.
	Breaches interface {
		Password(password []byte) (bool, error)
		Exact() bool
		Range(prefix string) ([]string, error)
	}
}

// The paths of the API: the one of a Nextcloud, and the short one.
var nextcloudPaths = []string{"/index.php/apps/passwords/api/1.0/service", "/api/1.0/service"}

var nextcloudAPI = &api{
	name:        NextcloudAPI,
	credentials: basicOrBearer,
	headers:     []string{"Authorization", "Content-Type"},
	challenge:   `Basic realm="ldapsuggest", charset="UTF-8"`,
	status:      nextcloudStatus,
	encode:      encodeNextcloudError,
}

// The words of Nextcloud Passwords for its failures, from which their IDs
// are computed.
const (
	nextcloudUnable   = "Unable to generate password"
	nextcloudNoWords  = "Internal Words API Error"
	nextcloudHTTPS    = "HTTPS required"
	nextcloudRange    = "Invalid range"
	nextcloudFallback = "Unable to complete request"
)

func (s *Server) routeNextcloud() error {
	if s.cfg.Nextcloud == nil {
		return nil
	}
	n := &nextcloud{Server: s, Nextcloud: *s.cfg.Nextcloud, strength: 1}
	if n.Strength != nil {
		n.strength = *n.Strength
	}
	if n.strength < 0 || n.strength > nextcloudMaxStrength {
		return errors.New("restbridge: Nextcloud.Strength must be from 0 to 4")
	}
	if n.Words == nil {
		n.Words = generate.EFFLarge()
	}
	if err := n.prepare(); err != nil {
		return err
	}
	methods := []string{http.MethodGet, http.MethodPost}
	for _, base := range nextcloudPaths {
		s.mux.Handle(base+"/password", s.handle(nextcloudAPI, methods, s.nextcloudSettings, n.password))
		if n.Breaches != nil && n.Breaches.Exact() {
			s.mux.Handle(base+"/hashes/{range}", s.handle(nextcloudAPI, methods, readRange, n.hashes))
		}
	}
	return nil
}

type nextcloud struct {
	*Server
	Nextcloud
	strength int
	phrases  [nextcloudMaxStrength + 1]*generate.Passphrase // by strength
}

const nextcloudMaxStrength = 4

// prepare makes the passphrases: capitalised words until there are more than
// strength of them, and 16 letters and 4 more for each strength. Only words
// of letters are taken, so that what is no letter was asked for.
func (n *nextcloud) prepare() error {
	var letters []string
	for _, w := range n.Words.Words() {
		if strings.Trim(strings.ToLower(w), "abcdefghijklmnopqrstuvwxyz") == "" {
			letters = append(letters, strings.ToLower(w))
		}
	}
	words, err := generate.NewWordList(strings.NewReader(strings.Join(letters, "\n")))
	if err != nil {
		return err
	}
	for s := range n.phrases {
		n.phrases[s], err = generate.NewPassphrase(generate.PassphraseConfig{
			Words: words, MinWords: s + 1, MinChars: 16 + 4*s, Capitalize: true,
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// nextcloudSettings reads the settings as Nextcloud does: from the query, a
// form or a JSON object.
func (s *Server) nextcloudSettings(w http.ResponseWriter, r *http.Request) ([]byte, error) {
	form := strings.HasPrefix(r.Header.Get("Content-Type"), "application/x-www-form-urlencoded")
	if r.Method == http.MethodPost && r.ContentLength != 0 && !form {
		return s.optionalBody(w, r)
	}
	values := r.URL.Query()
	if form && r.Method == http.MethodPost {
		r.Body = http.MaxBytesReader(w, r.Body, s.cfg.MaxBody)
		if err := r.ParseForm(); err != nil {
			return nil, badRequest("the form is malformed")
		}
		values = r.Form
	}
	return settingsOfForm(values)
}

// settingsOfForm writes a form as a JSON object of strings.
func settingsOfForm(values url.Values) ([]byte, error) {
	settings := make(map[string]string)
	for _, name := range []string{"strength", "numbers", "special"} {
		if v := values.Get(name); v != "" {
			settings[name] = v
		}
	}
	return json.Marshal(settings)
}

// settings is what a password is made by.
type settings struct {
	strength         int
	numbers, special bool
}

// decode reads the settings that a request gives over s. Names that it does
// not know are left alone, and values are taken as PHP would: a number or a
// truth value in a string too.
func (s *settings) decode(body []byte) error {
	if len(body) == 0 {
		return nil
	}
	var in struct{ Strength, Numbers, Special *json.RawMessage }
	if err := json.Unmarshal(body, &in); err != nil {
		return badRequest("the body is no JSON object, or malformed")
	}
	if v, ok := scalar(in.Strength); ok {
		n, err := strconv.Atoi(v)
		if err != nil {
			return badRequest("strength must be an integer")
		}
		switch s.strength = n; {
		case n < 0:
			s.strength = 1
		case n > nextcloudMaxStrength:
			s.strength = nextcloudMaxStrength
		}
	}
	for _, f := range []struct {
		name string
		in   *json.RawMessage
		to   *bool
	}{{"numbers", in.Numbers, &s.numbers}, {"special", in.Special, &s.special}} {
		v, ok := scalar(f.in)
		if !ok {
			continue
		}
		b, err := strconv.ParseBool(v)
		if err != nil {
			return badRequest("%s must be true or false", f.name)
		}
		*f.to = b
	}
	return nil
}

// scalar returns the text of a JSON value, and false for null and none.
func scalar(value *json.RawMessage) (string, bool) {
	if value == nil || string(*value) == "null" {
		return "", false
	}
	var s string
	if json.Unmarshal(*value, &s) == nil {
		return s, true
	}
	return string(*value), true
}

// nextcloudAttempts is how often Nextcloud Passwords tries.
const nextcloudAttempts = 7

// password is GET and POST /api/1.0/service/password. The request, all
// members optional:
//
//	{"strength": 1, "numbers": false, "special": false}
//
// The response tells the settings that were used:
//
//	{"password": "FutureReleaseDrawRed", "words": ["Future", "Release", "Draw", "Red"],
//	 "strength": 1, "numbers": false, "special": false}
//
// Where the policy takes no such password, one with numbers and special
// characters is tried, then one of the greatest strength, and then random
// characters as the policy has it, in which there are no words.
func (n *nextcloud) password(ctx context.Context, body []byte, authenticate func() (extop.Caller, error)) ([]byte, error) {
	use := settings{n.strength, n.Numbers, n.Special}
	if err := use.decode(body); err != nil {
		return nil, err
	}
	caller, err := authenticate()
	if err != nil {
		return nil, err
	}
	tries := []settings{use}
	for _, s := range []settings{{use.strength, true, true}, {nextcloudMaxStrength, true, true}} {
		if s != tries[len(tries)-1] {
			tries = append(tries, s)
		}
	}
	for _, s := range tries {
		g := newWordGenerator(n.phrases[s.strength], s)
		b, err := n.suggest(ctx, caller, g.recipe(), func(p []byte) []byte { return encodeNextcloudPassword(p, g.words, s) })
		g.wipe()
		if b != nil || err != nil {
			return b, err
		}
	}
	b, err := n.suggest(ctx, caller, policy.Recipe{}, func(p []byte) []byte {
		s := settings{strength: use.strength}
		for _, c := range p {
			s.numbers = s.numbers || '0' <= c && c <= '9'
			s.special = s.special || !isWord(c)
		}
		return encodeNextcloudPassword(p, nil, s)
	})
	if b == nil && err == nil {
		err = &httpError{status: http.StatusBadGateway, code: result.UnwillingToPerform, text: nextcloudNoWords}
	}
	return b, err
}

// suggest performs the operation, and returns nil if no candidate met the
// demands.
func (n *nextcloud) suggest(ctx context.Context, caller extop.Caller, r policy.Recipe, encode func([]byte) []byte) ([]byte, error) {
	if list := n.Breaches; list != nil {
		r.Screen = func(p []byte) bool {
			breached, err := list.Password(p)
			return breached || err != nil
		}
	}
	req := extop.GeneratePasswordRequest{Count: 1, Attempts: nextcloudAttempts, Recipe: &r}
	if n.PolicyDN != "" {
		req.Selection, req.DN = extop.SelectPolicyDN, n.PolicyDN
	}
	res, err := n.cfg.Generate.Do(ctx, caller, req, nil)
	if err != nil {
		return nil, err
	}
	defer res.Wipe()
	if len(res.Passwords) == 1 && len(res.Passwords[0].Errors) > 0 {
		return nil, nil
	}
	p, err := onlyPassword(res)
	if err != nil {
		return nil, err
	}
	return encode(p), nil
}

// encodeNextcloudPassword writes the response. Words are what the password
// was made of, one after the other, each with a capital at its head.
func encodeNextcloudPassword(password, words []byte, s settings) []byte {
	b := append(make([]byte, 0, 128+maxEscaped*len(password)+4*len(words)), `{"password":`...)
	b = append(appendString(b, password), `,"words":[`...)
	for from := 0; from < len(words); {
		to := from + 1
		for to < len(words) && (words[to] < 'A' || words[to] > 'Z') {
			to++
		}
		if from > 0 {
			b = append(b, ',')
		}
		b = appendString(b, words[from:to])
		from = to
	}
	b = strconv.AppendInt(append(b, `],"strength":`...), int64(s.strength), 10)
	b = strconv.AppendBool(append(b, `,"numbers":`...), s.numbers)
	b = strconv.AppendBool(append(b, `,"special":`...), s.special)
	return append(b, "}\n"...)
}

// A wordGenerator draws passphrases and puts numbers and special characters
// into them. It is for one request: it remembers the words.
type wordGenerator struct {
	phrase           *generate.Passphrase
	settings         settings
	numbers, special int // how many to put in
	words            []byte
	mixed            []byte
}

// maxWordPassword is room for every password of a wordGenerator, so that
// nothing is left behind by growing.
const maxWordPassword = 512

func newWordGenerator(phrase *generate.Passphrase, s settings) *wordGenerator {
	g := &wordGenerator{phrase: phrase, settings: s, words: make([]byte, 0, maxWordPassword), mixed: make([]byte, 0, maxWordPassword)}
	if s.numbers {
		g.numbers = s.strength + 2
	}
	if s.special {
		g.special = s.strength + 2
	}
	return g
}

// recipe has the demands of Nextcloud Passwords on what is made: 12
// characters, and more numbers and special characters than the strength.
func (g *wordGenerator) recipe() policy.Recipe {
	classes := rule.ClassMinimums{}
	if g.settings.numbers {
		classes.Digits = g.settings.strength + 1
	}
	if g.settings.special {
		classes.Specials = g.settings.strength + 1
	}
	source := policy.Source{Attribute: "strength"}
	return policy.Recipe{
		Generator: g,
		Demands:   []policy.Demand{{Rule: rule.Length{Min: 12, Unit: rule.Bytes}, Source: source}, {Rule: classes, Source: source}},
	}
}

func (g *wordGenerator) wipe() {
	clear(g.words[:cap(g.words)])
	clear(g.mixed[:cap(g.mixed)])
}

// Bits implements generate.Generator: a lower bound. What stands for a
// letter tells it but for its case and one of two others.
func (g *wordGenerator) Bits() float64 {
	return max(0, g.phrase.Bits()-float64(2*(g.numbers+g.special)))
}

// Append implements generate.Generator.
func (g *wordGenerator) Append(dst []byte, rnd *generate.Rand) []byte {
	g.words = g.phrase.Append(g.words[:0], rnd)
	g.mixed = append(g.mixed[:0], g.words...)
	g.mix(g.special, specialFor, "!$%&?#=", rnd)
	g.mix(g.numbers, numberFor, "1234567890", rnd)
	return append(dst, g.mixed...)
}

// mix puts n characters in: for letters that look like them, at random
// places. If there are not enough of those, the rest is drawn from extra and
// goes in front and behind, by turns.
func (g *wordGenerator) mix(n int, standIn func(byte) byte, extra string, rnd *generate.Rand) {
	if n == 0 {
		return
	}
	var places []int
	for i, c := range g.mixed {
		if standIn(c) != 0 {
			places = append(places, i)
		}
	}
	for ; n > 0 && len(places) > 0; n-- {
		k := rnd.Intn(len(places))
		i := places[k]
		g.mixed[i] = standIn(g.mixed[i])
		places[k] = places[len(places)-1]
		places = places[:len(places)-1]
	}
	for i := range n {
		c := extra[rnd.Intn(len(extra))]
		g.mixed = append(g.mixed, c)
		if i%2 == 0 {
			copy(g.mixed[1:], g.mixed[:len(g.mixed)-1])
			g.mixed[0] = c
		}
	}
}

func specialFor(c byte) byte {
	switch c | 0x20 {
	case 'a':
		return '@'
	case 's':
		return '$'
	case 'i':
		return '!'
	}
	return 0
}

func numberFor(c byte) byte {
	if c == 'l' {
		return '1'
	}
	switch c | 0x20 {
	case 'a':
		return '4'
	case 'e':
		return '3'
	case 'i':
		return '1'
	case 'o':
		return '0'
	case 's':
		return '5'
	case 't':
		return '7'
	}
	return 0
}

// isWord reports whether c is \w in a regular expression.
func isWord(c byte) bool {
	return 'a' <= c|0x20 && c|0x20 <= 'z' || '0' <= c && c <= '9' || c == '_' || c >= 0x80
}

func readRange(_ http.ResponseWriter, r *http.Request) ([]byte, error) {
	return []byte(r.PathValue("range")), nil
}

// hashes is GET and POST /api/1.0/service/hashes/{range}: the SHA-1 hashes of
// breached passwords that begin with 5 to 40 hexadecimal digits, as an array,
// with the status 404 if it is empty.
func (n *nextcloud) hashes(_ context.Context, body []byte, authenticate func() (extop.Caller, error)) ([]byte, error) {
	prefix := strings.ToLower(string(body))
	if len(prefix) < 5 || len(prefix) > 40 || strings.Trim(prefix, "0123456789abcdef") != "" {
		return nil, badRequest("%s", nextcloudRange)
	}
	if _, err := authenticate(); err != nil {
		return nil, err
	}
	found, err := n.Breaches.Range(prefix)
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return nil, errNoHashes
	}
	b := []byte{'['}
	for i, h := range found {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendString(b, h)
	}
	return append(b, "]\n"...), nil
}

// errNoHashes is an empty answer, which has a status of its own.
var errNoHashes = &httpError{status: http.StatusNotFound, code: result.NoSuchObject, text: "no hash begins so"}

// nextcloudStatus maps result codes to the statuses of Nextcloud Passwords:
// 503 for all that it has no word for. docs/rest/nextcloud.md has it for
// readers.
func nextcloudStatus(c result.Code) int {
	switch status := statusOf(c); {
	case c == result.ConfidentialityRequired:
		return http.StatusBadRequest
	case status == http.StatusUnprocessableEntity, status == http.StatusInternalServerError, status == http.StatusNotFound:
		return http.StatusServiceUnavailable
	default:
		return status
	}
}

// encodeNextcloudError renders the error object:
//
//	{"status": "error", "id": "74b8fcb3", "message": "Unable to generate password"}
func encodeNextcloudError(_ *http.Request, status int, e *result.Error) []byte {
	message := e.Error()
	switch {
	case status == http.StatusNotFound && e.Code == result.NoSuchObject:
		return []byte("[]\n")
	case e.Code == result.ConfidentialityRequired:
		message = nextcloudHTTPS
	case e.Code == result.UnwillingToPerform && status == http.StatusServiceUnavailable:
		message = nextcloudUnable
	case status == http.StatusServiceUnavailable:
		return append(appendString([]byte(`{"status":"error","id":0,"message":`), nextcloudFallback), "}\n"...)
	}
	b := appendString([]byte(`{"status":"error","id":`), errorID(message))
	return append(appendString(append(b, `,"message":`...), message), "}\n"...)
}

// errorID is hash('crc32', message) of PHP: the CRC of bzip2, with its
// octets reversed. It reads the bits of each octet in the opposite order to
// the CRC of zip, and shares its polynomial.
func errorID(message string) string {
	flipped := make([]byte, len(message))
	for i := range len(message) {
		flipped[i] = bits.Reverse8(message[i])
	}
	var b [4]byte
	binary.LittleEndian.PutUint32(b[:], bits.Reverse32(crc32.ChecksumIEEE(flipped)))
	return hex.EncodeToString(b[:])
}
