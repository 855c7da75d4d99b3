using Exact.Infrastructure.Database;
using Npgsql;

namespace Exact.Tests.Database;

public sealed class ConnectionStringTests
{
    private const string Setting = "ConnectionStrings:Exact";

    [Theory]
    [InlineData(
        "postgresql://exact:p%40ss@127.0.0.1:5433/exact?sslmode=require",
        "Host=127.0.0.1;Port=5433;Username=exact;Password=p@ss;Database=exact;SSL Mode=Require"
    )]
    [InlineData("postgres://exact@db/exact", "Host=db;Username=exact;Database=exact")]
    [InlineData(" PostgreSQL://db\n", "Host=db")]
    [InlineData("postgresql://us%3Aer:a%3Ab%2Fc%3Fd%25@db", "Host=db;Username=us:er;Password=a:b/c?d%")]
    [InlineData("postgresql://exact:a:b@db/ex%20act", "Host=db;Username=exact;Password=a:b;Database=ex act")]
    [InlineData(
        "postgresql://exact@[2001:db8::1]:5433/exact",
        "Host=2001:db8::1;Port=5433;Username=exact;Database=exact"
    )]
    [InlineData(
        "postgresql://one:5432,two:5433/exact?target_session_attrs=read-write",
        "Host=one:5432,two:5433;Database=exact;Target Session Attributes=read-write"
    )]
    [InlineData(
        "postgresql:///exact?host=/var/run/postgresql&user=me",
        "Host=/var/run/postgresql;Database=exact;Username=me"
    )]
    [InlineData(
        "postgresql://db/exact?sslmode=verify-full&sslrootcert=/ca.pem&application_name=mine&connect_timeout=7",
        "Host=db;Database=exact;SSL Mode=VerifyFull;Root Certificate=/ca.pem;Application Name=mine;Timeout=7"
    )]
    [InlineData(
        "postgresql://db/exact?options=-c%20statement_timeout%3D5s&Maximum%20Pool%20Size=7",
        "Host=db;Database=exact;Options=\"-c statement_timeout=5s\";Maximum Pool Size=7"
    )]
    [InlineData(
        "Server=db;User Id=exact;Pwd='a;b=c';Database=exact",
        "Host=db;Username=exact;Password='a;b=c';Database=exact"
    )]
    [InlineData("Host=one:5433, two;Username=exact", "Host=one:5433, two;Username=exact")]
    public void Keywords_and_URIs_are_read(string value, string same)
    {
        var expected = new NpgsqlConnectionStringBuilder(same);

        var read = ConnectionStringReader.Read(Setting, value);

        Assert.True(read.EquivalentTo(expected), $"{read.ConnectionString} is not {expected.ConnectionString}");
    }

    [Theory]
    [InlineData("host=db port=5432 dbname=exact user=exact password=SECRET", "semicolons")]
    [InlineData("Host=db user=exact password=SECRET;Database=exact", "semicolons")]
    [InlineData("Host=db;Username=exact Password=SECRET;Database=exact", "semicolons")]
    [InlineData("Host=db;Database=exact password = SECRET", "semicolons")]
    [InlineData("Host=db;Database=exact,Password=SECRET", "semicolons")]
    [InlineData("Host=db SECRET", "semicolons")]
    [InlineData("Host=postgresql://exact:SECRET@db/exact", "URI")]
    [InlineData("Host=exact:SECRET@db", "URI")]
    [InlineData("Database=postgresql://exact:SECRET@db/exact;Host=db", "URI")]
    [InlineData("Host=db;Password=my;SECRET;Database=exact", "keyword number 3 is unknown")]
    [InlineData("Host=db;Password=my;SECRET=1;Database=exact", "keyword number 3 is unknown")]
    [InlineData("SECRET", "KEYWORD=VALUE")]
    [InlineData("jdbc:postgresql://db/exact?password=SECRET", "unknown")]
    [InlineData("\"postgresql://exact:SECRET@db/exact\"", "KEYWORD=VALUE")]
    [InlineData("Host=db;Port=SECRET", "the value of \"port\"")]
    [InlineData("Host=db;SSL Mode=SECRET", "the value of \"ssl mode\"")]
    [InlineData("Database=exact;Password=SECRET", "names no host")]
    [InlineData("Host=db;Minimum Pool Size=9;Maximum Pool Size=3;Password=SECRET", "combination")]
    [InlineData("postgresql://exact:SECRET", "a port, which is a number")]
    [InlineData("postgresql://exact:SEC/RET@db/exact", "percent-encoded")]
    [InlineData("postgresql://exact:SEC?RET@db/exact", "percent-encoded")]
    [InlineData("postgresql://exact:SEC#RET@db/exact", "percent-encoded")]
    [InlineData("postgresql://exact:SECRET@db:port/exact", "a port, which is a number")]
    [InlineData("postgresql://exact:SECRET@db/exact?sslmode=SECRET", "the value of its parameter \"sslmode\"")]
    [InlineData("postgresql://exact:SECRET@db/exact?sslmod=require", "its parameter \"sslmod\" is unknown")]
    [InlineData("postgresql://exact:SECRET@db/exact?sslmode=require&%53ECRET7=1", "its parameter number 2 is unknown")]
    [InlineData("postgresql:///exact?password=SECRET", "names no host")]
    public void An_unreadable_connection_string_is_named_by_its_setting_and_never_repeated(string value, string problem)
    {
        var refusal = Assert.Throws<SettingException>(() => ConnectionStringReader.Read(Setting, value));

        Assert.StartsWith($"{Setting} is not a valid connection string: ", refusal.Message);
        Assert.Contains(problem, refusal.Message);
        Assert.DoesNotContain('\n', refusal.Message);
        Assert.DoesNotContain("SEC", $"{refusal}", StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain(
            "RET",
            $"{refusal}".Replace("secret", "", StringComparison.Ordinal),
            StringComparison.Ordinal
        );
    }

    [Fact]
    public void The_messages_of_the_parsers_are_never_shown()
    {
        var quoting = Assert.ThrowsAny<Exception>(() => new NpgsqlConnectionStringBuilder("SECRET://a?b=c"));

        Assert.Contains("secret", quoting.Message, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain(
            "secret",
            Infrastructure.ExceptionCause.Cause(quoting),
            StringComparison.OrdinalIgnoreCase
        );
        Assert.DoesNotContain(
            "secret",
            Infrastructure.ExceptionCause.Cause(new InvalidOperationException("SECRET", quoting)),
            StringComparison.OrdinalIgnoreCase
        );
    }
}
