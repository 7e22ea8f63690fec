# Net::LDAP: code, error name, text, matched DN, referrals and controls of
# each operation.
use strict;
use warnings;
use Net::LDAP qw(LDAP_CONTROL_PAGED);
use Net::LDAP::Control::Paged;
use Net::LDAP::Control::ManageDsaIT;
use Net::LDAP::Control::Sort;
use Net::LDAP::Control::PreRead;
use Net::LDAP::Control::PostRead;
use Net::LDAP::Control::Assertion;
use Net::LDAP::Extension::WhoAmI;
use Net::LDAP::Extension::SetPassword;
use Net::LDAP::Extension::Cancel;

my ($base, $admin, $password) = @ENV{qw(BASE ADMIN ADMINPW)};
my $samba = $ENV{SERVER} eq 'samba';
my $kind = $samba ? 'contact' : 'inetOrgPerson';
my $done = 0;

sub op {
    my ($name, $m) = @_;
    $done++;
    $m->sync if $m->can('sync');
    printf "%s: %d %s\n", $name, $m->code, $m->error_name;
    print "  text ", $m->server_error // '', "\n" unless $name eq 'StartTLS';
    print "  matched ", $m->dn // '', "\n" unless $m->isa('Net::LDAP::Search') && !$m->code;
    print "  referral $_\n" for $m->referrals;
    print "  control ", $_->type, ' ', unpack('H*', $_->value // ''), "\n" for $m->control;
    return unless $m->isa('Net::LDAP::Search');
    for my $entry ($m->entries) {
        print "  entry ", $entry->dn, "\n";
        for my $attribute (sort $entry->attributes) {
            print "    $attribute: ", join(' ', map { unpack 'H*', $_ } $entry->get_value($attribute)), "\n";
        }
    }
    print "  reference $_\n" for $m->references;
}

sub connection { Net::LDAP->new($_[0], timeout => 30, verify => 'none') or die "connect: $@" }

my $l = connection($ENV{URL});
op('wrong password', $l->bind($admin, password => 'wrong'));
op('anonymous', $l->bind);
op('version 2', $l->bind($admin, password => $password, version => 2));
$l = connection($ENV{URL});
op('bind', $l->bind($admin, password => $password));
if (!$samba) {
    my $who = $l->who_am_i;
    op('who am I', $who);
    print '  ', $who->response, "\n";
}
my @attributes = qw(cn sn mail telephoneNumber);
op('base', $l->search(base => $base, scope => 'base', filter => '(objectClass=*)', attrs => ['ou']));
op('one', $l->search(base => $base, scope => 'one', filter => '(cn=*)', attrs => \@attributes));
op('sub', $l->search(base => $base, filter => '(|(cn=leaf)(cn=alice))', attrs => ['cn']));
op('types', $l->search(base => $base, filter => '(cn=alice)', typesonly => 1, attrs => \@attributes));
op('limit', $l->search(base => $ENV{PEOPLE}, filter => '(cn=*)', sizelimit => 2, attrs => ['1.1']));
op('nobody', $l->search(base => "cn=nobody,$base", scope => 'base', filter => '(cn=*)'));
op('binary', $l->search(base => $base, filter => '(cn=alice)', attrs => ['jpegPhoto', 'description']));
op('sorted', $l->search(base => $base, scope => 'one', filter => '(sn=*)', attrs => ['sn'],
    control => [Net::LDAP::Control::Sort->new(order => 'sn:2.5.13.3')]));
my $page = Net::LDAP::Control::Paged->new(size => 5);
for my $number (1 .. 10) {
    my $found = $l->search(base => $base, filter => '(objectClass=*)', attrs => ['1.1'], control => [$page]);
    $done++;
    printf "page %d: %d\n", $number, $found->code;
    print '  ', $_->dn, "\n" for $found->entries;
    my ($back) = $found->control(LDAP_CONTROL_PAGED) or last;
    my $cookie = $back->cookie;
    last unless defined $cookie && length $cookie;
    $page->cookie($cookie);
}
my $dn = "cn=perl,$base";
op('add', $l->add($dn, attrs => [objectClass => $kind, sn => 'Perl', cn => 'perl']));
op('add again', $l->add($dn, attrs => [objectClass => $kind, sn => 'Perl', cn => 'perl']));
op('modify', $l->modify($dn, changes => [replace => [sn => 'Camel'], add => [title => 'Dr']]));
op('modify in vain', $l->modify($dn, delete => ['mail']));
op('read before and after', $l->modify($dn, replace => {sn => 'Llama'}, control => [
    Net::LDAP::Control::PreRead->new(attrs => ['sn']), Net::LDAP::Control::PostRead->new(attrs => ['sn'])]));
op('assertion', $l->modify($dn, replace => {sn => 'x'}, control => [
    Net::LDAP::Control::Assertion->new(critical => $samba ? 0 : 1, assertion => '(sn=Other)')])) unless $samba;
op('compare', $l->compare($dn, attr => 'sn', value => 'llama'));
op('compare false', $l->compare($dn, attr => 'sn', value => 'emu'));
op('compare nobody', $l->compare("cn=nobody,$base", attr => 'sn', value => 'emu'));
op('rename', $l->moddn($dn, newrdn => 'cn=raku', deleteoldrdn => 1, newsuperior => "ou=tree,$base"));
op('rename what has gone', $l->moddn($dn, newrdn => 'cn=raku'));
op('delete what has gone', $l->delete($dn));
op('delete', $l->delete("cn=raku,ou=tree,$base"));
if (!$samba) {
    op('referral', $l->delete("cn=x,cn=elsewhere,$base"));
    op('ManageDsaIT', $l->search(base => "cn=elsewhere,$base", scope => 'base', filter => '(objectClass=*)', attrs => ['ref'],
        control => [Net::LDAP::Control::ManageDsaIT->new(critical => 1)]));
    op('cancel', $l->cancel(4242));
}
if ($ENV{WITHOUT_TLS}) {
    $l->unbind;
    exit 0;
}
my $s = connection($ENV{URL});
op('StartTLS', $s->start_tls(verify => 'none'));
op('bind under TLS', $s->bind($admin, password => $password));
op('password', $s->set_password(user => "cn=alice,$base", newpasswd => "Perl-Pw1!xyzabc$ENV{RUN}")) unless $samba;
op('unbind', $l->unbind);
my $t = connection($ENV{TLSURL});
op('ldaps', $t->bind($admin, password => $password));
op('search under TLS', $t->search(base => $base, filter => '(cn=bob)', attrs => ['cn']));
print "operations: $done\n";
exit($done >= 30 ? 0 : 1);
