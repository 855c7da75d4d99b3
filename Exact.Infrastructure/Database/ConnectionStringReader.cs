using System.Data.Common;
using System.Globalization;
using System.Text.RegularExpressions;
using Npgsql;

namespace Exact.Infrastructure.Database;

/// <summary>
/// Reads a connection string, as keywords or as a URI, and never shows a part of it, which may be the password.
/// </summary>
internal static partial class ConnectionStringReader
{
    private const string Expected =
        "Write \"Host=db;Database=exact;Username=exact;Password=...\" or "
        + "\"postgresql://exact:PASSWORD@db:5432/exact\". The value is not shown, because it may contain a password.";

    /// <param name="setting">The name of the setting, for the message.</param>
    /// <param name="value">The value of the setting.</param>
    /// <exception cref="SettingException">The value is not valid.</exception>
    public static NpgsqlConnectionStringBuilder Read(string setting, string value)
    {
        var (settings, problem) = Read(value.Trim());
        problem ??= FindMisplaced(settings) ?? FindRefusal(settings);
        return problem is null
            ? settings
            : throw new SettingException(setting, $"is not a valid connection string: {problem}. {Expected}");
    }

    /// <summary>
    /// Switches GSS encryption off unless the connection string asks for it: Npgsql would try it first.
    /// </summary>
    public static void WithoutGss(this NpgsqlConnectionStringBuilder settings)
    {
        if (!settings.ShouldSerialize("GSS Encryption Mode"))
        {
            settings.GssEncryptionMode = GssEncryptionMode.Disable;
        }
    }

    /// <summary>Sets the value of a keyword.</summary>
    /// <returns>Whether Npgsql accepts the value; null if it has no such keyword.</returns>
    internal static bool? TrySet(NpgsqlConnectionStringBuilder settings, string keyword, string value)
    {
        if (!settings.ContainsKey(keyword))
        {
            return null;
        }

        try
        {
            settings[keyword] = value;
            return true;
        }
        catch (Exception e) when (IsAboutValue(e))
        {
            return false;
        }
    }

    private static (NpgsqlConnectionStringBuilder Settings, string? Problem) Read(string value)
    {
        var settings = new NpgsqlConnectionStringBuilder();
        var problem = ConnectionUri.Is(value) ? ConnectionUri.Read(value, settings) : ReadKeywords(value, settings);
        return (settings, problem);
    }

    private static string? ReadKeywords(string value, NpgsqlConnectionStringBuilder settings)
    {
        var parts = new DbConnectionStringBuilder();
        try
        {
            parts.ConnectionString = value;
        }
        catch (ArgumentException)
        {
            return "it is not a list of KEYWORD=VALUE, separated by semicolons";
        }

        var number = 0;
        foreach (string keyword in parts.Keys)
        {
            number++;
            switch (TrySet(settings, keyword, (string)parts[keyword]))
            {
                case null: // not shown: it may be the end of a password that contains a semicolon
                    return string.Create(CultureInfo.InvariantCulture, $"keyword number {number} is unknown");
                case false:
                    return $"the value of \"{keyword}\" is not valid";
            }
        }

        return null;
    }

    /// <summary>Finds a password inside a value that Exact shows elsewhere, such as the host or the user.</summary>
    private static string? FindMisplaced(NpgsqlConnectionStringBuilder settings)
    {
        string?[] shown =
        [
            settings.Host,
            settings.Username,
            settings.Database,
            settings.ApplicationName,
            settings.SearchPath,
        ];
        return shown.OfType<string>().Any(text => Keyword().IsMatch(text))
            || settings.Host is { } several && SpaceInHost().IsMatch(several)
                ? "its parts are not separated by semicolons"
            : shown.OfType<string>().Any(text => text.Contains("://", StringComparison.Ordinal))
            || settings.Host is { } host && host.LastIndexOf('@') > 0
                ? "it contains a URI where a name is expected"
            : null;
    }

    private static string? FindRefusal(NpgsqlConnectionStringBuilder settings)
    {
        if (string.IsNullOrEmpty(settings.Host))
        {
            return "it names no host";
        }

        try
        {
            using var tried = NpgsqlDataSource.Create(settings); // connects to nothing yet
            return null;
        }
        catch (Exception e) when (IsAboutValue(e))
        {
            return "Npgsql rejects the combination of its values";
        }
    }

    private static bool IsAboutValue(Exception e) =>
        e
            is ArgumentException
                or FormatException
                or OverflowException
                or InvalidCastException
                or KeyNotFoundException
                or NotSupportedException
                or InvalidOperationException;

    [GeneratedRegex(
        @"(?<![^\s,;&?])(host|hostaddr|server|port|dbname|database|user( ?name| ?id)?|uid|password|pwd|passfile|sslmode)\s*=",
        RegexOptions.IgnoreCase
    )]
    private static partial Regex Keyword();

    /// <summary>White space inside a name, except around a comma or in a socket's folder.</summary>
    [GeneratedRegex(@"^(?![/@\\]|\w:\\).*[^\s,]\s+[^\s,]")]
    private static partial Regex SpaceInHost();
}
