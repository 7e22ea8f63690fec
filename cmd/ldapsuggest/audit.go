package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"strconv"
	"strings"
	"sync"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/ldapsuggest/ldapsuggest/extop"
	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/internal/audit"
	"github.com/ldapsuggest/ldapsuggest/internal/trail"
	"github.com/ldapsuggest/ldapsuggest/restbridge"
)

// auditConfig is the key audit of the configuration file. Without file and
// syslog.url there is no audit log.
type auditConfig struct {
	File      string        `yaml:"file"`
	MaxSize   byteSize      `yaml:"maxSize"`
	MaxAge    time.Duration `yaml:"maxAge"`
	Keep      int           `yaml:"keep"`
	Sync      time.Duration `yaml:"sync"`
	OnFailure string        `yaml:"onFailure"`
	Syslog    struct {
		URL      string `yaml:"url"`
		Facility string `yaml:"facility"`
		CAFile   string `yaml:"caFile"`
	} `yaml:"syslog"`
}

func defaultAudit() auditConfig {
	c := auditConfig{MaxSize: 100 << 20, Keep: 14, Sync: time.Second, OnFailure: "continue"}
	c.Syslog.Facility = "authpriv"
	return c
}

// A byteSize is a number of octets, written as such or with KiB, MiB or GiB.
type byteSize int64

// UnmarshalYAML implements yaml.Unmarshaler.
func (s *byteSize) UnmarshalYAML(n *yaml.Node) error {
	text, unit := n.Value, int64(1)
	for suffix, octets := range map[string]int64{"KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30} {
		if t, ok := strings.CutSuffix(text, suffix); ok {
			text, unit = strings.TrimSpace(t), octets
			break
		}
	}
	v, err := strconv.ParseInt(text, 10, 64)
	if err != nil || v < 0 || v > math.MaxInt64/unit {
		return fmt.Errorf("line %d: %q is no size such as 100MiB", n.Line, n.Value)
	}
	*s = byteSize(v * unit)
	return nil
}

// facilities are those of RFC 5424 that a program may have.
func facilities() map[string]int {
	m := map[string]int{"user": 1, "daemon": 3, "auth": 4, "authpriv": 10, "audit": 13}
	for i := range 8 {
		m[fmt.Sprintf("local%d", i)] = 16 + i
	}
	return m
}

func (c *config) checkAudit() error {
	a := &c.Audit
	switch {
	case a.MaxAge < 0 || a.Keep < 0 || a.Sync < 0:
		return errors.New("audit: a number is below zero")
	case a.OnFailure != "continue" && a.OnFailure != "refuse":
		return fmt.Errorf("audit.onFailure: %q is none of continue, refuse", a.OnFailure)
	case a.File == "" && a.Syslog.URL == "" && a.OnFailure == "refuse":
		return errors.New("audit.onFailure: there is no audit log without file and syslog.url")
	}
	if _, ok := facilities()[a.Syslog.Facility]; !ok {
		return fmt.Errorf("audit.syslog.facility: %q is none of user, daemon, auth, authpriv, audit, local0 to local7", a.Syslog.Facility)
	}
	if a.Syslog.URL == "" {
		if a.Syslog.CAFile != "" {
			return errors.New("audit.syslog: url is missing")
		}
		return nil
	}
	if err := audit.CheckURL(a.Syslog.URL); err != nil {
		return fmt.Errorf("audit.syslog.url: %w", err)
	}
	if _, err := clientTLS(c.path(a.Syslog.CAFile)); err != nil {
		return fmt.Errorf("audit.syslog.caFile: %w", err)
	}
	return nil
}

// openAudit opens the audit log, nil if there is none.
func (c *config) openAudit(observe func(string, int, bool), log *slog.Logger) (*audit.Log, error) {
	a := &c.Audit
	if a.File == "" && a.Syslog.URL == "" {
		return nil, nil
	}
	cfg := audit.Config{Sync: a.Sync, Observe: observe, Log: log}
	if a.OnFailure == "refuse" {
		cfg.OnFailure = audit.Refuse
	}
	if a.File != "" {
		cfg.File = &audit.File{Path: c.path(a.File), MaxSize: int64(a.MaxSize), MaxAge: a.MaxAge, Keep: a.Keep}
	}
	if a.Syslog.URL != "" {
		tlsConfig, err := clientTLS(c.path(a.Syslog.CAFile))
		if err != nil {
			return nil, fmt.Errorf("audit.syslog.caFile: %w", err)
		}
		cfg.Syslog = &audit.Syslog{URL: a.Syslog.URL, Facility: facilities()[a.Syslog.Facility], TLS: tlsConfig}
	}
	l, err := audit.Open(cfg)
	if err != nil {
		return nil, fmt.Errorf("audit: %w", err)
	}
	return l, nil
}

// auditLogs are the audit logs of the generations that there are. Those with
// the same configuration share one.
type auditLogs struct {
	mu   sync.Mutex
	open []*sharedAudit
}

type sharedAudit struct {
	*audit.Log
	config auditConfig
	dir    string
	users  int
}

// share returns the audit log for c, nil if there is none. Whoever gets it
// calls done.
func (a *auditLogs) share(c *config, observe func(string, int, bool), log *slog.Logger) (l *audit.Log, done func(), err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	var s *sharedAudit
	for _, o := range a.open {
		if o.config == c.Audit && o.dir == c.dir {
			s = o
		}
	}
	if s == nil {
		l, err := c.openAudit(observe, log)
		if l == nil {
			return nil, func() {}, err
		}
		s = &sharedAudit{Log: l, config: c.Audit, dir: c.dir}
		a.open = append(a.open, s)
	}
	s.users++
	return s.Log, func() { a.leave(s, log) }, nil
}

func (a *auditLogs) leave(s *sharedAudit, log *slog.Logger) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if s.users--; s.users > 0 {
		return
	}
	for i, o := range a.open {
		if o == s {
			a.open = append(a.open[:i:i], a.open[i+1:]...)
			break
		}
	}
	if err := s.Close(); err != nil {
		log.Error("the audit log was not closed well", "error", err)
	}
}

// reopen has all of them open their files again.
func (a *auditLogs) reopen(log *slog.Logger) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, s := range a.open {
		if err := s.Reopen(); err != nil {
			log.Error("the audit log is not opened again: the old file stays in use", "error", err)
		}
	}
}

// operationNames are the names of operations by OID.
func operationNames() map[string]string {
	return map[string]string{
		extop.GeneratePasswordRequestOID:        "generatePassword",
		extop.PasswordQualityRequestOID:         "passwordQuality",
		extop.GeneratePasswordRequestControlOID: "addWithGeneratePassword",
		extop.PasswordModifyOID:                 "passwordModify",
	}
}

// changePasswordName is the operation of callers who change their own
// password by the REST door.
const changePasswordName = "changePassword"

// about fills in what a context is about.
func about(ctx context.Context, e *audit.Event) {
	if t := trail.From(ctx); t != nil {
		e.Connection, e.Operation, e.Request, e.Trace = t.Connection.ID, t.Operation(), t.Request, t.TraceID
		e.Door, e.Remote = t.Door, t.Remote
	}
}

// An auditor is what is told of operations.
type auditor struct {
	back   *backend
	names  map[string]string
	log    *slog.Logger
	logged bool // log takes a line for each
}

// audit returns what counts each operation where somebody may read the
// metrics, and writes one line for it to the audit log and one to the log,
// where it takes them: its level does not change, and there may be half a
// million operations a second.
func (b *backend) audit(log *slog.Logger) extop.Auditor {
	a := &auditor{back: b, names: operationNames(), log: log, logged: log.Enabled(context.Background(), slog.LevelInfo)}
	if !a.logged && !b.measured && b.auditLog == nil && b.tracing == nil {
		return nil
	}
	return a.audit
}

func (a *auditor) audit(ctx context.Context, r extop.AuditRecord) (err error) {
	if b := a.back; b.auditLog != nil && (!r.Pending || b.auditLog.Waits()) {
		if err = a.record(ctx, &r); err != nil && r.Err == nil && r.Write == extop.NoWrite {
			r.Err, r.Returned, r.Rejected = result.From(err), 0, 0
		}
	}
	if r.Pending {
		return err
	}
	if a.back.metrics != nil {
		a.back.metrics.Audit(r)
	}
	if a.back.tracing != nil {
		a.trace(ctx, &r)
	}
	if a.logged {
		a.tell(ctx, &r)
	}
	return err
}

// record writes the line of the audit log.
func (a *auditor) record(ctx context.Context, r *extop.AuditRecord) error {
	e := audit.Event{
		Kind: audit.Operation, Time: r.Time, Name: r.OID, Caller: r.AskedBy, As: r.AuthzID,
		Target: r.Target, Policy: r.PolicyDN, EffectivePolicy: r.EffectivePolicyDN,
		Requested: r.Requested, Returned: r.Returned, Rejected: r.Rejected,
		Result: result.Success.String(), Directory: r.Write.String(), Duration: r.Duration,
	}
	if r.Pending {
		e.Kind = audit.Pending
	}
	if name, ok := a.names[r.OID]; ok {
		e.Name, e.OID = name, r.OID
	}
	if r.Err != nil {
		e.Code, e.Result, e.Error = int(r.Err.Code), r.Err.Code.String(), r.Err.Text
	}
	about(ctx, &e)
	if err := a.back.auditLog.Record(e); err != nil {
		return result.Wrap(err, result.Unavailable, "the audit log cannot be written")
	}
	return nil
}

// trace adds to the span of the request.
func (a *auditor) trace(ctx context.Context, r *extop.AuditRecord) {
	span := a.back.tracing.Current(ctx)
	span.DN("ldapsuggest.caller", r.AskedBy)
	span.DN("ldapsuggest.target", r.Target)
	span.DN("ldapsuggest.policy", r.EffectivePolicyDN)
	span.Int("ldapsuggest.requested", r.Requested)
	span.Int("ldapsuggest.returned", r.Returned)
	span.Int("ldapsuggest.rejected", r.Rejected)
}

// tell writes the line of the log.
func (a *auditor) tell(ctx context.Context, r *extop.AuditRecord) {
	line := append(make([]slog.Attr, 0, 14),
		slog.String("operation", r.OID), slog.String("caller", r.AskedBy), slog.String("as", r.AuthzID),
		slog.String("target", r.Target), slog.String("policy", r.PolicyDN), slog.String("effective", r.EffectivePolicyDN),
		slog.Int("requested", r.Requested), slog.Int("returned", r.Returned), slog.Int("rejected", r.Rejected),
		slog.Duration("duration", r.Duration))
	if r.Write != extop.NoWrite {
		line = append(line, slog.String("directory", r.Write.String()))
	}
	if r.Err == nil {
		line = append(line, slog.String("result", result.Success.String()))
	} else {
		line = append(line, slog.String("result", r.Err.Code.String()), slog.String("error", r.Err.Text))
		if r.Err.Cause != nil {
			line = append(line, slog.String("cause", r.Err.Cause.Error()))
		}
	}
	a.log.LogAttrs(ctx, slog.LevelInfo, "audit", line...)
}

// signInFailed writes the line of somebody who could not say who they are.
// They are refused in any case.
func (b *backend) signInFailed() func(context.Context, restbridge.SignInFailure) {
	if b.auditLog == nil {
		return nil
	}
	return func(ctx context.Context, f restbridge.SignInFailure) {
		e := audit.Event{
			Kind: audit.SignIn, Name: f.Method, Caller: f.Username,
			Code: int(f.Err.Code), Result: f.Err.Code.String(), Error: f.Err.Text,
		}
		about(ctx, &e)
		_ = b.auditLog.Record(e)
	}
}

// audited has the change of one's own password told to an auditor, before and
// after.
func audited(tell extop.Auditor, change func(ctx context.Context, dn string, current, new []byte) error) func(ctx context.Context, dn string, current, new []byte) error {
	if tell == nil {
		return change
	}
	return func(ctx context.Context, dn string, current, new []byte) error {
		id := "dn:" + dn
		r := extop.AuditRecord{Question: extop.Question{OID: changePasswordName, AuthzID: id, Target: dn}, AskedBy: id, Time: time.Now(), Pending: true}
		if err := tell(ctx, r); err != nil {
			return err
		}
		err := change(ctx, dn, current, new)
		r.Pending, r.Write, r.Duration, r.Err = false, extop.Answered, time.Since(r.Time), result.From(err)
		if result.Is(err, result.Unavailable) || result.Is(err, result.TimeLimitExceeded) || result.Is(err, result.Canceled) {
			r.Write = extop.Unanswered
		}
		_ = tell(ctx, r) // the directory has performed it
		return err
	}
}

// An auditedUpstream is the operation of a server that has it itself.
type auditedUpstream struct {
	restbridge.Upstream
	tell extop.Auditor
}

// Do performs a request, and tells the auditor before the caller.
func (u auditedUpstream) Do(ctx context.Context, caller extop.Caller, r extop.GeneratePasswordRequest, controls []extop.Control) (*extop.GeneratePasswordResult, error) {
	rec := extop.AuditRecord{Question: extop.Question{OID: extop.GeneratePasswordRequestOID, Caller: caller, AuthzID: caller.AuthzID()}, AskedBy: caller.AuthzID(), Time: time.Now(), Requested: r.Count}
	switch r.Selection {
	case extop.SelectPolicyDN:
		rec.PolicyDN = r.DN
	case extop.SelectTargetEntry:
		rec.Target = r.DN
	}
	res, err := u.Upstream.Do(ctx, caller, r, controls)
	if u.tell == nil {
		return res, err
	}
	if rec.Duration = time.Since(rec.Time); err != nil {
		rec.Err = result.From(err)
	} else {
		rec.EffectivePolicyDN, rec.Returned = res.PolicyDN, len(res.Passwords)
		for _, p := range res.Passwords {
			if len(p.Errors) > 0 {
				rec.Rejected++
			}
		}
	}
	if refused := u.tell(ctx, rec); refused != nil && err == nil {
		res.Wipe()
		return nil, refused
	}
	return res, err
}
