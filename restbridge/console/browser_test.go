package console_test

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"
)

// chromium starts the browser that Debian packages.
func chromium(t *testing.T) context.Context {
	t.Helper()
	ctx, cancel := chromedp.NewExecAllocator(context.Background(),
		chromedp.ExecPath("/usr/bin/chromium"),
		chromedp.UserDataDir(t.TempDir()),
		chromedp.Headless, chromedp.Flag("hide-scrollbars", true), chromedp.NoSandbox, chromedp.DisableGPU, chromedp.NoFirstRun, chromedp.NoDefaultBrowserCheck,
		chromedp.Flag("disable-quic", true),
		chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true),
		chromedp.Flag("disable-sync", true),
		chromedp.Flag("disable-dev-shm-usage", true),
	)
	t.Cleanup(cancel)
	browser, cancel := chromedp.NewContext(ctx)
	t.Cleanup(func() {
		if err := chromedp.Cancel(browser); err != nil {
			t.Logf("chromium ended with: %v", err)
		}
		cancel()
	})
	if err := chromedp.Run(browser); err != nil {
		t.Fatalf("chromium does not start (is the package chromium installed?): %v", err)
	}
	return browser
}

// A tab is a window of a browser with cookies of its own.
type tab struct {
	t    *testing.T
	ctx  context.Context
	rig  *rig
	kind string // names its screenshots

	mu       sync.Mutex
	requests []string // method and URL
	noise    []string // what the browser complained about
}

// look is how a tab shows pages.
type look struct {
	width, height int64 // 0 for 1100 by 900
	dark, noJS    bool
}

func open(t *testing.T, browser context.Context, r *rig, kind string, l look) *tab {
	t.Helper()
	// A new browser context has no window yet, and a tab needs one.
	var id target.ID
	err := chromedp.Run(browser, chromedp.ActionFunc(func(ctx context.Context) error {
		ctx = cdp.WithExecutor(ctx, chromedp.FromContext(ctx).Browser)
		own, err := target.CreateBrowserContext().WithDisposeOnDetach(true).Do(ctx)
		if err != nil {
			return err
		}
		id, err = target.CreateTarget("about:blank").WithBrowserContextID(own).WithNewWindow(true).Do(ctx)
		return err
	}))
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := chromedp.NewContext(browser, chromedp.WithTargetID(id))
	t.Cleanup(cancel)
	ctx, cancel = context.WithTimeout(ctx, time.Minute)
	t.Cleanup(cancel)
	b := &tab{t: t, ctx: ctx, rig: r, kind: kind}
	chromedp.ListenTarget(ctx, func(ev any) {
		b.mu.Lock()
		defer b.mu.Unlock()
		switch ev := ev.(type) {
		case *network.EventRequestWillBeSent:
			b.requests = append(b.requests, ev.Request.Method+" "+ev.Request.URL)
		case *runtime.EventExceptionThrown:
			b.noise = append(b.noise, ev.ExceptionDetails.Error())
		}
	})
	if l.width == 0 {
		l.width, l.height = 1100, 900
	}
	scheme := "light"
	if l.dark {
		scheme = "dark"
	}
	b.do(network.Enable(),
		chromedp.EmulateViewport(l.width, l.height),
		emulation.SetEmulatedMedia().WithFeatures([]*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}),
		emulation.SetScriptExecutionDisabled(l.noJS))
	t.Cleanup(func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		for _, n := range b.noise {
			t.Errorf("the browser complains: %s", n)
		}
		for _, r := range b.requests {
			if _, to, _ := strings.Cut(r, " "); !strings.HasPrefix(to, b.rig.URL+"/") {
				t.Errorf("a request to somebody else: %s", r)
			}
		}
	})
	return b
}

func (b *tab) do(actions ...chromedp.Action) {
	b.t.Helper()
	if err := chromedp.Run(b.ctx, actions...); err != nil {
		b.t.Fatalf("%v\non the page:\n%s", err, b.text())
	}
}

// load does what makes the browser load a page, and waits for it.
func (b *tab) load(actions ...chromedp.Action) {
	b.t.Helper()
	if _, err := chromedp.RunResponse(b.ctx, actions...); err != nil {
		b.t.Fatalf("%v\non the page:\n%s", err, b.text())
	}
}

func (b *tab) open(path string) {
	b.t.Helper()
	b.load(chromedp.Navigate(b.rig.URL + path))
}

// eval returns what an expression is.
func eval[T any](b *tab, expression string) T {
	b.t.Helper()
	var v T
	if err := chromedp.Run(b.ctx, chromedp.Evaluate(expression, &v)); err != nil {
		b.t.Fatalf("%s: %v", expression, err)
	}
	return v
}

func (b *tab) text() string {
	var s string
	if err := chromedp.Run(b.ctx, chromedp.Evaluate("document.body ? document.body.innerText : ''", &s)); err != nil {
		return err.Error()
	}
	return s
}

// shows wants texts on the page.
func (b *tab) shows(texts ...string) {
	b.t.Helper()
	page := b.text()
	for _, s := range texts {
		if !strings.Contains(page, s) {
			b.t.Errorf("the page does not say %q:\n%s", s, page)
		}
	}
}

// sent returns the requests since the last call.
func (b *tab) sent() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	out := b.requests
	b.requests = nil
	return out
}

// signIn signs in with the form that is open.
func (b *tab) signIn(name, password string) {
	b.t.Helper()
	b.do(chromedp.SetValue("#username", name, chromedp.ByQuery), chromedp.SetValue("#password", password, chromedp.ByQuery))
	b.load(chromedp.Click("form[action='/console/sign-in'] button", chromedp.ByQuery))
}

// button presses the button of a form by what is written on it.
func (b *tab) button(text string) {
	b.t.Helper()
	b.load(chromedp.Click(fmt.Sprintf(`//main//button[contains(., %q)] | //main//a[contains(., %q)]`, text, text), chromedp.BySearch))
}

// picture takes a screenshot of the whole page where LDAPSUGGEST_SCREENSHOTS
// says to.
func (b *tab) picture(name string) {
	b.t.Helper()
	dir := os.Getenv("LDAPSUGGEST_SCREENSHOTS")
	if dir == "" {
		return
	}
	var png []byte
	b.do(chromedp.ActionFunc(func(ctx context.Context) (err error) {
		png, err = page.CaptureScreenshot().WithCaptureBeyondViewport(true).Do(ctx)
		return err
	}))
	if err := os.WriteFile(filepath.Join(dir, b.kind+"-"+name+".png"), png, 0o644); err != nil {
		b.t.Fatal(err)
	}
}

func personURL(dn string) string { return "/console/person?dn=" + url.QueryEscape(dn) }
