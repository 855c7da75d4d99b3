using System.Net.Sockets;
using System.Reflection;
using System.Security.Authentication;
using Exact.Infrastructure;
using Exact.Infrastructure.Database;
using Exact.Infrastructure.Migrating;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace Exact.Tests.Database;

/// <summary>Each failure of the database, and of the way there, has one meaning.</summary>
public sealed class PostgresErrorsTests
{
    private static readonly IReadOnlyList<string> Codes =
    [
        .. typeof(PostgresErrorCodes)
            .GetFields(BindingFlags.Public | BindingFlags.Static)
            .Select(field => (string)field.GetRawConstantValue()!),
    ];

    /// <summary>What is not the data's fault, and not a matter of setting the server right.</summary>
    private static readonly Dictionary<string, string[]> Expected = new()
    {
        ["Away"] =
        [
            "08000",
            "08001",
            "08003",
            "08004",
            "08006",
            "08007",
            "08P01",
            "40003",
            "53300",
            "57000",
            "57P01",
            "57P02",
            "57P03",
            "57P05",
            "58030",
        ],
        ["Blocked"] = ["40000", "40001", "40P01", "55006", "55P03", "72000"],
        ["ReadOnly"] = ["25006"],
        ["Full"] = ["53000", "53100", "53200", "53400"],
        ["TimedOut"] = ["25P03", "25P04", "57014"],
    };

    [Fact]
    public void Every_code_of_PostgreSQL_has_its_class_in_the_table()
    {
        var table = typeof(PostgresErrors).GetField("Faults", BindingFlags.NonPublic | BindingFlags.Static)!;
        var faults = (Dictionary<string, DatabaseFault>)table.GetValue(null)!;

        Assert.True(Codes.Count > 200);
        Assert.All(Codes, code => Assert.Contains(code[..2], faults.Keys));
    }

    [Fact]
    public void Every_code_that_may_pass_is_known_to()
    {
        var all = Codes.Append("25P04").Append("57P05").Distinct();
        var passing = all.Where(code =>
            PostgresErrors.FaultOf(code) is not (DatabaseFault.BadData or DatabaseFault.Unusable)
        );

        Assert.Empty(passing.Except(Expected.Values.SelectMany(codes => codes)));
        Assert.All(
            Expected,
            pair => Assert.All(pair.Value, code => Assert.Equal(pair.Key, $"{PostgresErrors.FaultOf(code)}"))
        );
    }

    [Theory]
    [InlineData("22001", true)]
    [InlineData("22P05", true)]
    [InlineData("23505", true)]
    [InlineData("23514", true)]
    [InlineData("23P01", true)]
    [InlineData("44000", true)]
    [InlineData("54000", true)]
    [InlineData("P0001", true)]
    [InlineData("28P01", false)]
    [InlineData("3D000", false)]
    [InlineData("42501", false)]
    [InlineData("42703", false)]
    [InlineData("42P01", false)]
    [InlineData("XX000", false)]
    [InlineData("ZZ999", false)]
    public void What_does_not_pass_is_the_fault_of_the_data_or_of_the_server(string code, bool isData) =>
        Assert.Equal(isData ? DatabaseFault.BadData : DatabaseFault.Unusable, PostgresErrors.FaultOf(code));

    [Fact]
    public void A_failure_is_found_in_what_libraries_wrap_around_it()
    {
        var refused = new NpgsqlException("Failed to connect to 127.0.0.1:1", new SocketException(111));
        var stopping = new PostgresException("terminating connection", "FATAL", "FATAL", "57P01");
        Exception[] away =
        [
            refused,
            stopping,
            new SocketException(111),
            new InvalidOperationException("likely transient", refused),
            new DbUpdateException("saving", stopping),
            new InvalidOperationException("likely transient", new DbUpdateException("saving", stopping)),
            new InvalidOperationException("likely transient", new DbUpdateException("saving", refused)),
            new NpgsqlException("reading", new EndOfStreamException()),
            new NpgsqlException("pool", new TimeoutException()),
            new NpgsqlException("No suitable host was found."),
            new NpgsqlException("hosts", new AggregateException(new NpgsqlException("SSL"), refused)),
        ];

        Assert.All(away, e => Assert.Equal(DatabaseFault.Away, PostgresErrors.FaultOf(e)));
        Assert.Equal(DatabaseFault.Unusable, PostgresErrors.FaultOf(new NpgsqlException("No password")));
        Assert.Null(PostgresErrors.FaultOf(new MigrationRefusedException("It took too long.", refused)));
        Assert.Null(PostgresErrors.FaultOf(new InvalidOperationException("a mistake")));
        Assert.Null(PostgresErrors.FaultOf(new HttpRequestException("elsewhere", new SocketException(111))));
    }

    [Fact]
    public void A_failure_of_TLS_is_described_by_its_innermost_cause_and_the_way_out()
    {
        var cause = new AuthenticationException("The remote certificate is invalid: UntrustedRoot");
        var failure = new NpgsqlException("Exception while performing SSL handshake", cause);

        Assert.Equal(DatabaseFault.Unusable, PostgresErrors.FaultOf(failure));
        Assert.Contains("UntrustedRoot", failure.Cause(), StringComparison.Ordinal);
        Assert.Contains("Root Certificate=", failure.Cause(), StringComparison.Ordinal);
        var missing = new NpgsqlException(
            "Exception while performing SSL handshake",
            new FileNotFoundException("Could not find file '/no.crt'.")
        );
        Assert.Equal(DatabaseFault.Unusable, PostgresErrors.FaultOf(missing));
        Assert.Contains("'/no.crt'. If an authority", missing.Cause(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_used_up_pool_is_described_by_the_setting_that_enlarges_it()
    {
        var failure = new NpgsqlException(
            "The connection pool has been exhausted, either raise 'Max Pool Size'",
            new TimeoutException()
        );

        Assert.Contains("Maximum Pool Size", failure.Cause(), StringComparison.Ordinal);
    }

    [Fact]
    public void A_lost_connection_is_described_without_the_words_of_Npgsql()
    {
        var lost = new NpgsqlException("Exception while reading from stream", new EndOfStreamException("It ended."));
        var silent = new NpgsqlException("Exception while reading from stream", new TimeoutException("Timeout"));

        Assert.Equal("The connection to PostgreSQL was lost: It ended.", lost.Cause());
        Assert.Equal("PostgreSQL did not answer in time.", silent.Cause());
    }

    [Theory]
    [InlineData("SSL connection requested. No SSL enabled connection from this host is configured.", "SSL Mode")]
    [InlineData("No password has been provided but the backend requires one (in MD5)", "Database:PasswordFile")]
    [InlineData("Received unknown response H for SSLRequest (expecting S or N)", "is not PostgreSQL")]
    public void A_connection_that_cannot_begin_is_described_by_the_way_out(string message, string wayOut) =>
        Assert.Contains(wayOut, new NpgsqlException(message).Cause(), StringComparison.Ordinal);
}
