#!/usr/bin/perl
# SPDX-License-Identifier: Apache-2.0
# A round of Mail::IMAPClient. client.pl PORT USER PASSWORD
use strict;
use warnings;
use Mail::IMAPClient;

my ($port, $user, $password) = @ARGV;
my $c = Mail::IMAPClient->new(Server => '127.0.0.1', Port => $port, User => $user, Password => $password,
                              Uid => 1, Timeout => 20) or die "log-in: $@\n";
sub good { my ($what, $result) = @_; defined $result or die "$what: " . $c->LastError . "\n"; $result }

good('create', $c->create('Perl.Box'));
my $uid = good('append', $c->append_string('INBOX', "Subject: from perl\r\n\r\nHello\r\n", '\Flagged'));
good('select', $c->select('INBOX'));
my @found = @{ good('search', scalar $c->search('SUBJECT "from perl"')) };
good('flag', $c->set_flag('Seen', $found[0]));
my $flags = good('flags', scalar $c->flags($found[0]));
my $text = good('fetch', $c->message_string($found[0]));
good('move', $c->move('Perl.Box', $found[0]));
good('expunge', $c->expunge);
print join("\n", scalar(@found), join(' ', grep { $_ ne '\Recent' } sort @$flags),
           $text =~ /Hello/ ? 'whole' : 'broken', good('count', $c->message_count('Perl.Box'))), "\n";
$c->logout;
