// JNDI: the outcome of each operation, with the text of failures, entries in
// order and response controls.

import java.util.*;
import javax.naming.*;
import javax.naming.directory.*;
import javax.naming.ldap.*;

public class JNDIClient {
    static final Map<String, String> env = System.getenv();
    static int done = 0;

    interface Operation {
        void run() throws Exception;
    }

    static void op(String name, Operation o) {
        done++;
        try {
            o.run();
            System.out.println(name + ": done");
        } catch (NamingException e) {
            System.out.println(name + ": " + e.getClass().getSimpleName() + " " + e.getMessage() + " remaining " + e.getRemainingName());
        } catch (Exception e) {
            System.out.println(name + ": " + e);
        }
    }

    static LdapContext connect(String url, String dn, String password) throws NamingException {
        Hashtable<String, Object> h = new Hashtable<>();
        h.put(Context.INITIAL_CONTEXT_FACTORY, "com.sun.jndi.ldap.LdapCtxFactory");
        h.put(Context.PROVIDER_URL, url);
        h.put(Context.REFERRAL, "throw");
        h.put("com.sun.jndi.ldap.read.timeout", "30000");
        h.put("java.naming.ldap.attributes.binary", "jpegPhoto");
        if (dn != null) {
            h.put(Context.SECURITY_AUTHENTICATION, "simple");
            h.put(Context.SECURITY_PRINCIPAL, dn);
            h.put(Context.SECURITY_CREDENTIALS, password);
        }
        return new InitialLdapContext(h, null);
    }

    static String text(Object value) {
        return value instanceof byte[] ? HexFormat.of().formatHex((byte[]) value) : String.valueOf(value);
    }

    static void print(NamingEnumeration<SearchResult> found) throws NamingException {
        while (found.hasMore()) {
            SearchResult r = found.next();
            System.out.println("  entry " + r.getNameInNamespace());
            TreeMap<String, String> all = new TreeMap<>();
            NamingEnumeration<? extends Attribute> attributes = r.getAttributes().getAll();
            while (attributes.hasMore()) {
                Attribute a = attributes.next();
                StringBuilder values = new StringBuilder();
                for (int i = 0; i < a.size(); i++) {
                    values.append(' ').append(text(a.get(i)));
                }
                all.put(a.getID(), values.toString());
            }
            all.forEach((id, values) -> System.out.println("    " + id + ":" + values));
        }
    }

    static void controls(LdapContext c) throws NamingException {
        Control[] back = c.getResponseControls();
        for (Control control : back == null ? new Control[0] : back) {
            System.out.println("  control " + control.getID() + " " + control.isCritical());
        }
    }

    static SearchControls scope(int scope, long limit, String... attributes) {
        return new SearchControls(scope, limit, 0, attributes, false, false);
    }

    public static void main(String[] args) throws Exception {
        String base = env.get("BASE"), admin = env.get("ADMIN"), password = env.get("ADMINPW");
        boolean samba = env.get("SERVER").equals("samba");
        op("wrong password", () -> connect(env.get("URL"), admin, "wrong"));
        op("anonymous", () -> connect(env.get("URL"), null, null).close());
        LdapContext c = connect(env.get("URL"), admin, password);
        op("base", () -> print(c.search(base, "(objectClass=*)", scope(SearchControls.OBJECT_SCOPE, 0, "ou"))));
        op("one", () -> print(c.search(base, "(cn=*)", scope(SearchControls.ONELEVEL_SCOPE, 0, "cn", "sn", "mail"))));
        op("sub", () -> print(c.search(base, "(|(cn=leaf)(cn=alice))", scope(SearchControls.SUBTREE_SCOPE, 0, "cn"))));
        op("argument", () -> print(c.search(base, "(cn={0})", new Object[] {"a*(b)"}, scope(SearchControls.SUBTREE_SCOPE, 0, "cn"))));
        op("binary", () -> print(c.search(base, "(cn=alice)", scope(SearchControls.SUBTREE_SCOPE, 0, "jpegPhoto", "description"))));
        op("limit", () -> print(c.search(env.get("PEOPLE"), "(cn=*)", scope(SearchControls.SUBTREE_SCOPE, 2, "1.1"))));
        op("nobody", () -> print(c.search("cn=nobody," + base, "(cn=*)", scope(SearchControls.OBJECT_SCOPE, 0))));
        op("malformed name", () -> print(c.search("no dn", "(cn=*)", scope(SearchControls.OBJECT_SCOPE, 0))));

        byte[] cookie = null;
        for (int page = 1; page < 10; page++) {
            c.setRequestControls(new Control[] {new PagedResultsControl(5, cookie, Control.CRITICAL)});
            System.out.println("page " + page);
            op("page", () -> print(c.search(base, "(objectClass=*)", scope(SearchControls.SUBTREE_SCOPE, 0, "1.1"))));
            cookie = null;
            for (Control control : Objects.requireNonNullElse(c.getResponseControls(), new Control[0])) {
                if (control instanceof PagedResultsResponseControl) {
                    cookie = ((PagedResultsResponseControl) control).getCookie();
                }
            }
            if (cookie == null || cookie.length == 0) {
                break;
            }
        }
        c.setRequestControls(new Control[] {new SortControl("sn", Control.NONCRITICAL)});
        op("sorted", () -> {
            print(c.search(base, "(sn=*)", scope(SearchControls.ONELEVEL_SCOPE, 0, "sn")));
            controls(c);
        });
        c.setRequestControls(null);

        String dn = "cn=java," + base;
        BasicAttributes entry = new BasicAttributes(true);
        entry.put("objectClass", samba ? "contact" : "inetOrgPerson");
        entry.put("cn", "java");
        entry.put("sn", "Java");
        op("add", () -> c.createSubcontext(dn, entry));
        op("add again", () -> c.createSubcontext(dn, entry));
        op("replace", () -> c.modifyAttributes(dn, DirContext.REPLACE_ATTRIBUTE, new BasicAttributes("sn", "Duke")));
        op("several", () -> c.modifyAttributes(dn, new ModificationItem[] {
            new ModificationItem(DirContext.ADD_ATTRIBUTE, new BasicAttribute("title", "Dr")),
            new ModificationItem(DirContext.REMOVE_ATTRIBUTE, new BasicAttribute("title")),
            new ModificationItem(DirContext.REPLACE_ATTRIBUTE, new BasicAttribute("description", "ü€"))}));
        op("modify in vain", () -> c.modifyAttributes(dn, DirContext.REMOVE_ATTRIBUTE, new BasicAttributes("mail", null)));
        // Without attributes, JNDI compares.
        op("compare", () -> print(c.search(dn, "(sn=Duke)", scope(SearchControls.OBJECT_SCOPE, 0))));
        op("compare false", () -> print(c.search(dn, "(sn=Other)", scope(SearchControls.OBJECT_SCOPE, 0))));
        op("rename", () -> c.rename(dn, "cn=kotlin,ou=tree," + base));
        op("rename what has gone", () -> c.rename(dn, "cn=kotlin," + base));
        op("delete", () -> c.destroySubcontext("cn=kotlin,ou=tree," + base));
        op("delete what has gone", () -> c.lookup(dn));
        op("root DSE", () -> print(c.search("", "(objectClass=*)", scope(SearchControls.OBJECT_SCOPE, 0, "supportedLDAPVersion"))));
        if (!samba) {
            op("referral", () -> print(c.search("cn=x,cn=elsewhere," + base, "(cn=*)", scope(SearchControls.OBJECT_SCOPE, 0, "cn"))));
            c.setRequestControls(new Control[] {new ManageReferralControl()});
            op("ManageDsaIT", () -> print(c.search("cn=elsewhere," + base, "(objectClass=*)", scope(SearchControls.OBJECT_SCOPE, 0, "ref"))));
            c.setRequestControls(null);
        }
        op("rebind", () -> {
            c.addToEnvironment(Context.SECURITY_CREDENTIALS, "wrong");
            c.reconnect(null);
        });
        System.out.println("operations: " + done);
        System.exit(done >= 25 ? 0 : 1);
    }
}
