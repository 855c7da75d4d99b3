using System.Data.Common;
using System.Globalization;
using System.Text.RegularExpressions;
using Npgsql;

namespace Exact.Infrastructure.Database;

/// <summary>
/// Reads a configured connection string, as keywords and values or as a URI. A refusal repeats no part of it, because
/// any part may be the password; so the messages of ADO.NET and Npgsql, which quote, go nowhere.
/// </summary>
internal static partial class ConnectionStringReader
{
    private const string Expected =
        "Expected is \"Host=db;Database=exact;Username=exact;Password=...\" or "
        + "\"postgresql://exact:PASSWORD@db:5432/exact\". The value is not shown, because it may hold a password.";

    /// <param name="setting">Its name, for the message.</param>
    /// <param name="value">What is configured.</param>
    /// <exception cref="SettingException">It cannot be read.</exception>
    public static NpgsqlConnectionStringBuilder Read(string setting, string value)
    {
        var (settings, problem) = Read(value.Trim());
        problem ??= FindMisplaced(settings) ?? FindRefusal(settings);
        return problem is null
            ? settings
            : throw new SettingException(setting, $"is no usable connection string: {problem}. {Expected}");
    }

    /// <summary>Gives a keyword its value.</summary>
    /// <returns>Whether Npgsql takes the value; null if it has no such keyword.</returns>
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
                case null: // not named either: it may be the end of a password that has a semicolon and no quotes
                    return string.Create(CultureInfo.InvariantCulture, $"keyword number {number} is unknown");
                case false:
                    return $"its value of \"{keyword}\" is not valid";
            }
        }

        return null;
    }

    /// <summary>Finds a password inside a value that is shown elsewhere, such as the host or the user.</summary>
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
                ? "it has a URI where a name is expected"
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
            return "Npgsql does not take its values together";
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

    /// <summary>White space inside a name; a comma may have it around, and a socket's folder in it.</summary>
    [GeneratedRegex(@"^(?![/@\\]|\w:\\).*[^\s,]\s+[^\s,]")]
    private static partial Regex SpaceInHost();
}
