package extop_test

import (
	"encoding/hex"
	"fmt"

	"github.com/ldapsuggest/ldapsuggest/extop"
)

func ExampleGeneratePasswordRequest_Encode() {
	for _, r := range []extop.GeneratePasswordRequest{
		{Count: 1, Attempts: 5},
		{Count: 3, Attempts: 5},
		{Selection: extop.SelectTargetEntry, DN: "uid=jo,ou=people,dc=example,dc=com", Count: 1, Attempts: 5},
	} {
		fmt.Printf("%q\n", hex.EncodeToString(r.Encode()))
	}
	// Output:
	// ""
	// "30058000830103"
	// "302482227569643d6a6f2c6f753d70656f706c652c64633d6578616d706c652c64633d636f6d"
}

func ExamplePasswordQualityRequest_Encode() {
	r := extop.PasswordQualityRequest{Use: extop.AdministrativeResetFor, DN: "uid=jo,ou=people,dc=example,dc=com"}
	fmt.Println(hex.EncodeToString(r.Encode()))
	// Output: 302484227569643d6a6f2c6f753d70656f706c652c64633d6578616d706c652c64633d636f6d
}

func ExampleDecodeGeneratePasswordResult() {
	value, err := hex.DecodeString("301c0406636e3d7661723012301004064a342d70306b0101ffa003040121")
	if err != nil {
		fmt.Println(err)
		return
	}
	res, err := extop.DecodeGeneratePasswordResult(value)
	if err != nil {
		fmt.Println(err)
		return
	}
	defer res.Wipe()
	for _, p := range res.Passwords {
		fmt.Printf("under %s: validated %t, refused for %q\n", res.PolicyDN, p.Validated, p.Errors)
	}
	// Output: under cn=var: validated true, refused for ["!"]
}
