package restbridge

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// The clients that the pages of the APIs show, as they would be written for
// each: they get nothing but another base URL and a key.
const (
	curlAdaxes = `curl -sS --header "Adm-Authorization: $KEY" --header 'Content-Type: application/json' \
	--request POST "$URL/restApi/api/directoryObjects/passwordUtils/generate" --data-raw "{\"directoryObject\": \"$OBJECT\"}"`
	curlAdaxesAlone = `curl -sS --header "Adm-Authorization: $KEY" --request POST "$URL/restApi/api/directoryObjects/passwordUtils/generate"`
	curlECGrid      = `curl -sS -X POST "$URL/v2/users/generate-password" -H "X-API-Key: $KEY" -H "Content-Type: application/json" -d '{ "length": 16 }'`
	curlChange      = `curl -sS -X PUT "$URL/v2/auth/password" -H "X-API-Key: $KEY" -H "Content-Type: application/json" \
	-d '{ "currentPassword": "OldP@ssword1", "newPassword": "NewP@ssword2!" }'`
	curlNextcloud = `curl -sS -u jo:s3cret:Pw "$URL/index.php/apps/passwords/api/1.0/service/password"`

	python = `
import os, json, requests
url, key = os.environ["URL"], os.environ["KEY"]
adaxes = url + "/restApi/api/directoryObjects/passwordUtils/generate"
print(json.dumps(requests.post(adaxes, headers={"Adm-Authorization": key}, json={"directoryObject": os.environ["OBJECT"]}).json()))
print(json.dumps(requests.post(adaxes, headers={"Adm-Authorization": key}).json()))
r = requests.post(url + "/v2/users/generate-password", json={"length": 16}, headers={"X-API-Key": key})
r.raise_for_status()
print(json.dumps(r.json()))
r = requests.put(url + "/v2/auth/password", json={"currentPassword": "OldP@ssword1", "newPassword": "NewP@ssword2!"}, headers={"X-API-Key": key})
r.raise_for_status()
print(json.dumps(r.json()))
`
	node = `
(async () => {
	const {URL: url, KEY: key, OBJECT: object} = process.env;
	const adaxes = url + "/restapi/api/directoryObjects/passwordUtils/generate";
	const send = async (u, method, headers, body) => {
		const r = await fetch(u, {method, headers: body ? {...headers, "Content-Type": "application/json"} : headers, body: body && JSON.stringify(body)});
		if (!r.ok) throw new Error("status " + r.status);
		console.log(JSON.stringify(await r.json()));
	};
	await send(adaxes, "POST", {"Adm-Authorization": key}, {directoryObject: object});
	await send(adaxes, "POST", {"Adm-Authorization": key});
	await send(url + "/v2/users/generate-password", "POST", {"X-API-Key": key}, {length: 16});
	await send(url + "/v2/auth/password", "PUT", {"X-API-Key": key}, {currentPassword: "OldP@ssword1", newPassword: "NewP@ssword2!"});
})();
`
)

func TestExamples(t *testing.T) {
	const (
		adaxes = `"[^"]{12,20}"\n`
		ecgrid = `\{"success": ?true, ?"data": ?"[^ ]{16,}"\}\n`
		change = `\{"success": ?true, ?"data": ?null, ?"errorCode": ?"", ?"message": ?"Password updated successfully."\}\n`
	)
	all := adaxes + adaxes + ecgrid + change
	tests := []struct {
		name    string
		command []string
		probe   []string // succeeds where the example can be run; nil if it must
		want    string
	}{
		{"curl, Adaxes", []string{"sh", "-c", curlAdaxes}, nil, adaxes},
		{"curl, Adaxes without a body", []string{"sh", "-c", curlAdaxesAlone}, nil, adaxes},
		{"curl, ECGrid", []string{"sh", "-c", curlECGrid}, nil, ecgrid},
		{"curl, ECGrid change", []string{"sh", "-c", curlChange}, nil, change},
		{"curl, Nextcloud", []string{"sh", "-c", curlNextcloud}, nil, `\{"password":"[A-Za-z]+","words":\[.*\],"strength":1,"numbers":false,"special":false\}\n`},
		{"Python", []string{"python3", "-c", python}, []string{"python3", "-c", "import requests"}, all},
		{"Node", []string{"node", "-e", node}, []string{"node", "-e", "fetch"}, all},
	}
	c := dial(t, nil)
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.probe != nil {
				if err := exec.CommandContext(t.Context(), tt.probe[0], tt.probe[1:]...).Run(); err != nil {
					t.Logf("not run: %s is not on this machine (%v)", tt.probe[0], err)
					return
				}
			}
			cmd := exec.CommandContext(t.Context(), tt.command[0], tt.command[1:]...)
			cmd.Env = append(os.Environ(), "URL="+c.URL, "KEY="+c.secret, "OBJECT="+joDN, "no_proxy=*")
			var stderr strings.Builder
			cmd.Stderr = &stderr
			out, err := cmd.Output()
			if err != nil || !regexp.MustCompile(`^`+tt.want+`$`).Match(out) {
				t.Errorf("%v: %s%s", err, out, stderr.String())
			}
		})
	}
}
