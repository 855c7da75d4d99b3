using System.Globalization;
using System.Text.RegularExpressions;
using Npgsql;

namespace Exact.Infrastructure.Database;

/// <summary>
/// Reads a connection string in libpq's form of a URI:
/// <c>postgresql://user:password@host:5432/database?sslmode=require</c>
/// (https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-CONNSTRING-URIS).
/// </summary>
internal static partial class ConnectionUri
{
    private static readonly string[] Schemes = ["postgresql://", "postgres://"];

    /// <summary>Maps libpq's parameters to Npgsql's keywords, which are parameters too.</summary>
    private static readonly Dictionary<string, string> Keywords = new(StringComparer.OrdinalIgnoreCase)
    {
        ["user"] = "Username",
        ["dbname"] = "Database",
        ["hostaddr"] = "Host",
        ["connect_timeout"] = "Timeout",
        ["application_name"] = "Application Name",
        ["fallback_application_name"] = "Application Name",
        ["client_encoding"] = "Client Encoding",
        ["options"] = "Options",
        ["passfile"] = "Passfile",
        ["search_path"] = "Search Path",
        ["sslmode"] = "SSL Mode",
        ["sslnegotiation"] = "SSL Negotiation",
        ["sslrootcert"] = "Root Certificate",
        ["sslcert"] = "SSL Certificate",
        ["sslkey"] = "SSL Key",
        ["sslpassword"] = "SSL Password",
        ["channel_binding"] = "Channel Binding",
        ["require_auth"] = "Require Auth",
        ["gssencmode"] = "GSS Encryption Mode",
        ["krbsrvname"] = "Kerberos Service Name",
        ["target_session_attrs"] = "Target Session Attributes",
        ["load_balance_hosts"] = "Load Balance Hosts",
        ["keepalives"] = "TCP Keepalive",
        ["keepalives_idle"] = "TCP Keepalive Time",
        ["keepalives_interval"] = "TCP Keepalive Interval",
    };

    public static bool Is(string value) => SchemeOf(value) is not null;

    /// <summary>Reads it into <paramref name="settings"/>.</summary>
    /// <returns>The problem, without any part that may be secret; null if there is none.</returns>
    public static string? Read(string uri, NpgsqlConnectionStringBuilder settings)
    {
        var (place, query) = Split(uri[SchemeOf(uri)!.Length..], '?');
        var (authority, database) = Split(place, '/');
        var at = authority.LastIndexOf('@');
        var (user, password) = Split(at < 0 ? "" : authority[..at], ':');
        if (database.AsSpan().ContainsAny("@/") || query.Contains('@') || authority.Contains('#'))
        {
            return "the user and the password in a URI must be percent-encoded (\"@\" is %40, \"/\" is %2F)";
        }

        Set("Username", user);
        Set("Password", password);
        Set("Database", database);
        return ReadHosts(authority[(at + 1)..], settings) ?? ReadParameters(query, settings);

        void Set(string keyword, string value)
        {
            if (value.Length > 0)
            {
                settings[keyword] = Uri.UnescapeDataString(value);
            }
        }
    }

    /// <summary>Reads one host or several, each with an optional port.</summary>
    private static string? ReadHosts(string hosts, NpgsqlConnectionStringBuilder settings)
    {
        foreach (var host in hosts.Split(','))
        {
            if (
                Host().Match(host) is not { Success: true } match
                || match.Groups["port"] is { Success: true, Length: > 0 } text
                    && !ushort.TryParse(text.ValueSpan, CultureInfo.InvariantCulture, out _)
            )
            {
                return "the host in a URI may be followed by \":\" and a port, which is a number up to 65535";
            }
        }

        if (hosts.Length > 0)
        {
            var only = Host().Match(hosts);
            settings.Host = Uri.UnescapeDataString(only.Success ? only.Groups["name"].Value.Trim('[', ']') : hosts);
            if (only.Success && only.Groups["port"].Length > 0)
            {
                settings.Port = int.Parse(only.Groups["port"].ValueSpan, CultureInfo.InvariantCulture);
            }
        }

        return null;
    }

    private static string? ReadParameters(string query, NpgsqlConnectionStringBuilder settings)
    {
        var number = 0;
        foreach (var parameter in query.Split('&', StringSplitOptions.RemoveEmptyEntries))
        {
            number++;
            var (name, value) = Split(parameter, '=');
            name = Uri.UnescapeDataString(name);
            var keyword = Keywords.GetValueOrDefault(name, name);
            switch (ConnectionStringReader.TrySet(settings, keyword, Translate(keyword, Uri.UnescapeDataString(value))))
            {
                case null:
                    return $"its parameter {(PlainName().IsMatch(name) ? $"\"{name}\"" : $"number {number}")} is unknown";
                case false:
                    return $"the value of its parameter \"{name}\" is not valid";
            }
        }

        return null;
    }

    /// <summary>Translates values that Npgsql writes differently: <c>verify-full</c> is <c>VerifyFull</c>.</summary>
    private static string Translate(string keyword, string value) =>
        keyword switch
        {
            "SSL Mode" => value.Replace("-", "", StringComparison.Ordinal),
            "Load Balance Hosts" => value is "random" ? "true"
            : value is "disable" ? "false"
            : value,
            "TCP Keepalive" => value is "1" ? "true"
            : value is "0" ? "false"
            : value,
            "Client Encoding" when value is "auto" => "UTF8",
            _ => value,
        };

    private static string? SchemeOf(string value) =>
        Schemes.FirstOrDefault(scheme => value.StartsWith(scheme, StringComparison.OrdinalIgnoreCase));

    private static (string Before, string After) Split(string text, char separator)
    {
        var index = text.IndexOf(separator, StringComparison.Ordinal);
        return index < 0 ? (text, "") : (text[..index], text[(index + 1)..]);
    }

    [GeneratedRegex(@"^(?<name>\[[^\[\]]+\]|[^:,\[\]\s]*)(:(?<port>[^,]*))?$")]
    private static partial Regex Host();

    [GeneratedRegex("^[a-z][a-z_ ]{0,40}$", RegexOptions.IgnoreCase)]
    private static partial Regex PlainName();
}
