using Exact.Infrastructure.Database.Embedded;
using Exact.Tests.Support;

namespace Exact.Tests.Scripts;

/// <summary>The recipe of docs/backups.md for point-in-time recovery, with the real pgBackRest.</summary>
public sealed class PointInTimeTests(MigratedDatabase database) : IClassFixture<MigratedDatabase>
{
    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_server_goes_back_to_the_moment_before_a_mistake()
    {
        Assert.SkipUnless(File.Exists("/usr/bin/pgbackrest"), "needs Debian's pgbackrest");
        Assert.SkipUnless(Environment.UserName == "root", "needs root, which becomes the server's account");
        using var checkout = new Checkout(database);
        var page = await File.ReadAllTextAsync(Path.Combine(Checkout.Repository, "docs", "backups.md"), Cancellation);
        var archive = page.Split("`archive_command = '")[1]
            .Split('\'')[0]
            .Replace("%p", "\"%p\"", StringComparison.Ordinal);
        checkout["PORT"] = $"{FreePort.Find()}";
        checkout["HERE"] = checkout.Folder;
        checkout["PGBACKREST_CONFIG"] = checkout.PathOf("conf");

        var (output, _) = await checkout.SucceedAsync(
            $$"""
            set -euo pipefail
            export PATH=$(ls -d /usr/lib/postgresql/*/bin | tail -1):$PATH
            server() { PGBACKREST_CONFIG=$HERE/conf setpriv --reuid postgres --regid postgres --clear-groups -- "$@"; }
            run() { psql -h "$HERE/server" -p "$PORT" -U postgres -XAtc "$1" exact; }
            chmod a+rx "$HERE"; mkdir server; chown postgres server
            trap 'server pg_ctl -D server/data -m immediate stop >server.log 2>&1 || true' EXIT
            cat >conf <<END
            [global]
            repo1-path=$HERE/server/repository
            log-path=$HERE/server
            lock-path=$HERE/server
            start-fast=y
            [exact]
            pg1-path=$HERE/server/data
            pg1-socket-path=$HERE/server
            pg1-port=$PORT
            END
            cat >postgresql.conf <<'END'
            archive_mode = on
            archive_command = '{{archive}}'
            fsync = off
            listen_addresses = '127.0.0.1'
            END
            server initdb --no-sync -A trust -D server/data >server.log
            cat postgresql.conf >>server/data/postgresql.conf
            start() { server pg_ctl -D server/data -o "-p $PORT -k $HERE/server" -l server/log -w start >server.log; }
            start
            export ConnectionStrings__Exact="Host=127.0.0.1;Port=$PORT;Username=postgres;Database=exact"
            $EXACT migrate
            server {{await CommandAsync("stanza-create")}}
            server {{await CommandAsync(" backup")}}
            STOPPED=$(date +%s) # pgBackRest knows the seconds only
            until [ "$(date +%s)" -gt "$STOPPED" ]; do sleep 0.1; done
            run "INSERT INTO roles (name, normalized_name) VALUES ('kept', 'KEPT')"
            MOMENT=$(run "SELECT clock_timestamp() AT TIME ZONE 'UTC'")+00
            run 'DELETE FROM roles'
            run 'SELECT pg_switch_wal()'
            server pg_ctl -D server/data -m fast -w stop >server.log
            server {{(await CommandAsync(" restore")).Replace("'2026-03-04 01:59:00+00'", "\"$MOMENT\"")}}
            start
            until [ "$(run 'SELECT pg_is_in_recovery()')" = f ]; do sleep 0.1; done
            $EXACT status --check
            run "SELECT 'roles: ' || string_agg(name, ',') FROM roles"
            """
        );

        Assert.EndsWith("roles: kept\n", output);
    }

    private static async Task<string> CommandAsync(string name) =>
        (await Page.ReadAsync("docs/backups.md", Cancellation)).Commands.Single(command =>
            command.StartsWith("pgbackrest", StringComparison.Ordinal)
            && command.Contains(name, StringComparison.Ordinal)
        );
}
