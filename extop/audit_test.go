package extop

import (
	"testing"
	"time"

	"github.com/ldapsuggest/ldapsuggest/extop/result"
	"github.com/ldapsuggest/ldapsuggest/policy"
)

// TestAuditRefuses: what is not audited is not done. The caller learns why,
// and nothing else.
func TestAuditRefuses(t *testing.T) {
	w := benchmarkWorld()
	full := result.New(result.Unavailable, "the audit log cannot be written")
	newAudits := func() *audits { return &audits{refuse: full} }
	service := func() *policy.Service {
		svc := policy.NewService(fakeDialect{w}, w, policy.ServiceConfig{TTL: time.Hour})
		if _, err := svc.Resolve(t.Context(), policy.Selection{}); err != nil {
			t.Fatal(err)
		}
		return svc
	}

	t.Run("generate", func(t *testing.T) {
		a := newAudits()
		op := NewGeneratePassword(GeneratePasswordConfig{Policies: service(), Audit: a.record})
		res, err := op.Do(t.Context(), newCaller(w), GeneratePasswordRequest{Count: 2, Attempts: 5}, nil)
		wantCode(t, err, result.Unavailable)
		if res != nil || len(a.records) != 1 || a.records[0].Returned != 2 {
			t.Errorf("%v, audited %+v", res, a.records)
		}
	})
	t.Run("immediate", func(t *testing.T) {
		a := newAudits()
		op := NewGeneratePassword(GeneratePasswordConfig{Policies: service(), Audit: a.record})
		var resp Response
		ok, err := op.ServeImmediate(t.Context(), &Request{Caller: newCaller(w), Name: GeneratePasswordRequestOID}, &resp)
		wantCode(t, err, result.Unavailable)
		if !ok || len(resp.Value) > 0 {
			t.Errorf("%v, value of %d octets", ok, len(resp.Value))
		}
	})
	t.Run("quality", func(t *testing.T) {
		_, err := NewPasswordQuality(PasswordQualityConfig{Policies: service(), Audit: newAudits().record}).Do(t.Context(), newCaller(w), PasswordQualityRequest{}, nil)
		wantCode(t, err, result.Unavailable)
	})
	t.Run("explain", func(t *testing.T) {
		_, err := NewEffectivePolicy(EffectivePolicyConfig{Policies: service(), Audit: newAudits().record}).Do(t.Context(), newCaller(w), EffectivePolicyRequest{}, nil)
		wantCode(t, err, result.Unavailable)
	})
	t.Run("modify", func(t *testing.T) {
		a := newAudits()
		w := newWorld()
		sent, err := NewPasswordModify(RewriteConfig{Policies: w.service(), Audit: a.record}).Rewrite(t.Context(), modifyRequest(newCaller(w), of(eve)))
		wantCode(t, err, result.Unavailable)
		if sent != nil || len(a.pending) != 1 || len(a.records) != 1 || a.records[0].Write != NoWrite {
			t.Errorf("%v, audited %+v and %+v", sent, a.pending, a.records)
		}
	})
	// The reason for another failure is not lost.
	t.Run("error", func(t *testing.T) {
		op := NewGeneratePassword(GeneratePasswordConfig{Policies: service(), Audit: newAudits().record})
		_, err := op.Do(t.Context(), newCaller(w), GeneratePasswordRequest{Count: -1}, nil)
		wantCode(t, err, result.ProtocolError)
	})
}

// TestAuditWaits: an auditor that may wait is not called where requests are
// read.
func TestAuditWaits(t *testing.T) {
	w := benchmarkWorld()
	svc := policy.NewService(fakeDialect{w}, w, policy.ServiceConfig{TTL: time.Hour})
	if _, err := svc.Resolve(t.Context(), policy.Selection{}); err != nil {
		t.Fatal(err)
	}
	for _, waits := range []bool{false, true} {
		var a audits
		op := NewGeneratePassword(GeneratePasswordConfig{Policies: svc, Audit: a.record, AuditWaits: waits})
		ok, err := op.ServeImmediate(t.Context(), &Request{Caller: newCaller(w), Name: GeneratePasswordRequestOID}, new(Response))
		if ok == waits || err != nil || len(a.records) > 0 == waits {
			t.Errorf("waits %v: served at once %v, %v, %d records", waits, ok, err, len(a.records))
		}
	}
}

// TestAuditOfWrites tells how a completed request ended, and before that that
// the directory is about to get it.
func TestAuditOfWrites(t *testing.T) {
	tests := []struct {
		name     string
		err      *result.Error
		write    Write
		text     string
		returned int
	}{
		{"success", nil, Answered, "answered", 1},
		{"refused", result.New(result.ConstraintViolation, "no"), Answered, "answered", 0},
		{"refused as busy", result.New(result.Unavailable, "no"), Answered, "answered", 0},
		{"no answer", result.Wrap(ErrUnanswered, result.Unavailable, "lost"), Unanswered, "unanswered", 0},
		{"abandoned", result.Wrap(ErrUnanswered, result.Canceled, "abandoned"), Unanswered, "unanswered", 0},
		{"not sent", result.Wrap(ErrUnsent, result.Unavailable, "down"), Unsent, "unsent", 0},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			w := newWorld()
			var a audits
			sent, err := NewPasswordModify(RewriteConfig{Policies: w.service(), Audit: a.record}).Rewrite(t.Context(), modifyRequest(newCaller(w), of(eve)))
			if err != nil {
				t.Fatal(err)
			}
			if len(a.pending) != 1 || a.pending[0].Target != eve || a.pending[0].EffectivePolicyDN == "" {
				t.Errorf("announced as %+v", a.pending)
			}
			sent.Done(tt.err)
			if rec := a.last(t); rec.Write != tt.write || rec.Write.String() != tt.text || rec.Returned != tt.returned || !rec.Time.Equal(a.pending[0].Time) {
				t.Errorf("audited %+v", rec)
			}
		})
	}
}
