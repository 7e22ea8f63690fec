package ldapserver_test

import (
	"context"
	"errors"
	"fmt"
	"net"

	"github.com/go-ldap/ldap/v3"

	"github.com/ldapsuggest/ldapsuggest/extop"
	"github.com/ldapsuggest/ldapsuggest/ldapserver"
)

// hello is an extended operation.
type hello struct{}

func (hello) ServeExtended(ctx context.Context, req *extop.Request) (*extop.Response, error) {
	return &extop.Response{Name: "1.3.6.1.4.1.32473.2", Value: []byte("hello")}, nil
}

// A front end answers one operation and has a directory answer all others.
func ExampleServer() {
	srv := ldapserver.New(ldapserver.Config{
		Dial: func(ctx context.Context) (net.Conn, error) {
			var d net.Dialer
			return d.DialContext(ctx, "tcp", "ldap.example.com:389")
		},
		Extended: map[string]extop.Handler{"1.3.6.1.4.1.32473.1": hello{}},
	})
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	ended := make(chan error, 1)
	go func() { ended <- srv.Serve(listener) }()

	conn, err := ldap.DialURL("ldap://" + listener.Addr().String())
	if err != nil {
		fmt.Println(err)
		return
	}
	res, err := conn.Extended(ldap.NewExtendedRequest("1.3.6.1.4.1.32473.1", nil))
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Printf("%s\n", res.Value.Data.Bytes())
	conn.Close()
	if err := srv.Shutdown(context.Background()); err != nil {
		fmt.Println(err)
	}
	fmt.Println(errors.Is(<-ended, ldapserver.ErrServerClosed))
	// Output:
	// hello
	// true
}
