using System.Net.Sockets;
using System.Text.Json;
using System.Text.RegularExpressions;
using Exact.Infrastructure;
using Exact.Infrastructure.Database;
using Microsoft.AspNetCore.Connections;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.Extensions.Logging.Console;
using Npgsql;

namespace Exact.Api.Startup;

/// <summary>Checks the settings that the framework reads, because its own messages do not name them.</summary>
internal static partial class HostSettings
{
    private const string Variables = "ASPNETCORE_URLS, ASPNETCORE_HTTP_PORTS or --urls";

    private const string Addresses =
        "a list of addresses, separated by semicolons, such as http://0.0.0.0:8000 (ASPNETCORE_URLS or --urls)";

    /// <summary>The framework's setting for the form of the log: <c>json</c>, <c>simple</c> or <c>short</c>.</summary>
    public const string LogFormat = "Logging:Console:FormatterName";

    private static readonly string[] LogFormats =
    [
        ConsoleFormatterNames.Json,
        ConsoleFormatterNames.Simple,
        ShortConsole.FormatterName,
    ];

    private static readonly (Regex Setting, Func<string, bool> IsValid, string Allowed)[] Rules =
    [
        (Urls(), AreAddresses, Addresses),
        (Ports(), ArePorts, "a list of port numbers, separated by semicolons, such as 8000"),
        (Levels(), IsOneOf<LogLevel>, OneOf<LogLevel>()),
        (Protocols(), IsOneOf<HttpProtocols>, OneOf<HttpProtocols>()),
        (Certificates(), File.Exists, "the path of an existing file, such as /etc/exact/certificate.pem"),
        (
            LogForms(),
            name => LogFormats.Contains(name, StringComparer.OrdinalIgnoreCase),
            $"one of {string.Join(", ", LogFormats)}"
        ),
        (
            MetricsAddress(),
            url => IsAddress(url) && !url.Contains(';', StringComparison.Ordinal),
            "one address for /metrics, such as http://127.0.0.1:9464"
        ),
        (Collectors(), IsAddress, "the address of a collector, such as http://collector:4317"),
    ];

    /// <summary>Reads the settings, which are beside the program.</summary>
    /// <remarks>They are read once: watching their files would also watch every write of the embedded PostgreSQL.</remarks>
    /// <exception cref="SettingException">A setting is not valid.</exception>
    public static WebApplicationBuilder CreateBuilder(string[] args)
    {
        string[] defaults = [$"--contentRoot={AppContext.BaseDirectory}", "--hostBuilder:reloadConfigOnChange=false"];
        var builder = WebApplication.CreateBuilder([.. defaults, .. SettingsOf(args)]);
        Check(builder.Configuration);
        return builder;
    }

    /// <summary>What the configuration reads: all of a service's arguments, and the settings of a command's.</summary>
    /// <remarks>It would take the argument behind the flag of a command for the flag's value.</remarks>
    internal static IEnumerable<string> SettingsOf(string[] args) =>
        args is [['-', ..], ..] or [] ? args : Divide(args, _ => false).Settings;

    /// <summary>What the command line reads: everything but the settings. <c>--mode:skip</c> is an option, too.</summary>
    internal static IReadOnlyList<string> CommandOf(string[] args, Func<string, bool> isOption) =>
        Divide(args, isOption).Command;

    private static (List<string> Settings, List<string> Command) Divide(string[] args, Func<string, bool> isOption)
    {
        List<string> settings = [],
            command = [];
        for (var i = 0; i < args.Length; i++)
        {
            if (!IsSetting(args[i]) || isOption(args[i].Split(':')[0]))
            {
                command.Add(args[i]);
                continue;
            }

            if (args[i].Contains('='))
            {
                settings.Add(args[i]);
            }
            else if (i + 1 < args.Length && !args[i + 1].StartsWith("--", StringComparison.Ordinal))
            {
                settings.Add($"{args[i]}={args[++i]}"); // otherwise the configuration may take a setting for a value
            }
        }

        return (settings, command);
    }

    /// <summary>Whether an argument of a command names a setting, such as <c>--Files:Folder</c>.</summary>
    private static bool IsSetting(string argument) =>
        argument.StartsWith("--", StringComparison.Ordinal) && argument.Split('=')[0].Contains(':');

    /// <exception cref="SettingException">A setting is not valid.</exception>
    public static void Check(IConfiguration configuration)
    {
        foreach (var (setting, text) in configuration.AsEnumerable())
        {
            var value = text?.Trim() ?? "";
            foreach (var rule in Rules)
            {
                if (value.Length > 0 && rule.Setting.IsMatch(setting) && !rule.IsValid(value))
                {
                    throw new SettingException(setting, $"is {Settings.Show(value)}, but must be {rule.Allowed}.");
                }
            }
        }
    }

    /// <summary>Why the program cannot start, in one line.</summary>
    public static string WhyNot(Exception exception)
    {
        var cause = exception switch
        {
            InvalidDataException when exception.GetBaseException() is JsonException json =>
                $"{exception.Message} Its line {json.LineNumber + 1} is not valid JSON. Correct the file.",
            DirectoryNotFoundException { Source: "Microsoft.Extensions.FileProviders.Physical" } =>
                $"--contentRoot is {Settings.Show(exception.Message)}, but must be the path of an existing folder.",
            SocketException =>
                $"The service cannot listen at its address: {exception.Message}. Choose another address ({Variables}).",
            IOException
                when exception.GetBaseException() is AddressInUseException or { Message: "Address already in use" } =>
                $"{exception.Message.TrimEnd('.')}. Stop the other process, or choose another address ({Variables}).",
            _ when exception.GetBaseException()
                    is PostgresException
                    {
                        SqlState: PostgresErrorCodes.UndefinedTable
                            or PostgresErrorCodes.UndefinedColumn
                            or PostgresErrorCodes.UndefinedFunction
                    } lacking =>
                $"The database lacks what this version needs ({lacking.MessageText}), so migrations are pending. "
                    + "Apply them with \"migrate\", or look at them with \"status\". Nothing was changed.",
            _ when Binder().Match(exception.Message) is { Success: true, Groups: [_, var value, var setting] } =>
                $"The setting {setting.Value} is {Settings.Show(value.Value)}, which it does not accept. Correct it.",
            _ => exception.Cause(),
        };
        return cause.ReplaceLineEndings(" ");
    }

    private static bool AreAddresses(string list) =>
        list.Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).All(IsAddress);

    private static bool IsAddress(string address) =>
        Uri.TryCreate(AnyHost().Replace(address, "//any"), UriKind.Absolute, out var uri)
        && uri.Scheme is "http" or "https"
        && uri.Host.Length > 0;

    private static bool ArePorts(string list) =>
        list.Split(';', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)
            .All(port => ushort.TryParse(port, out _));

    private static bool IsOneOf<T>(string value)
        where T : struct, Enum => Enum.GetNames<T>().Contains(value, StringComparer.OrdinalIgnoreCase);

    private static string OneOf<T>()
        where T : struct, Enum => $"one of {string.Join(", ", Enum.GetNames<T>())}";

    [GeneratedRegex("^(urls|Kestrel:Endpoints:[^:]+:Url)$", RegexOptions.IgnoreCase)]
    private static partial Regex Urls();

    [GeneratedRegex("^https?_ports$", RegexOptions.IgnoreCase)]
    private static partial Regex Ports();

    [GeneratedRegex("^Logging:([^:]+:)?LogLevel:", RegexOptions.IgnoreCase)]
    private static partial Regex Levels();

    [GeneratedRegex("^Kestrel:(EndpointDefaults|Endpoints:[^:]+):Protocols$", RegexOptions.IgnoreCase)]
    private static partial Regex Protocols();

    [GeneratedRegex("^Kestrel:.*Certificates?(:[^:]+)?:(Path|KeyPath)$", RegexOptions.IgnoreCase)]
    private static partial Regex Certificates();

    [GeneratedRegex("^Logging:Console:FormatterName$", RegexOptions.IgnoreCase)]
    private static partial Regex LogForms();

    [GeneratedRegex("^Metrics:Url$", RegexOptions.IgnoreCase)]
    private static partial Regex MetricsAddress();

    [GeneratedRegex("^OTEL_EXPORTER_OTLP_([A-Z]+_)?ENDPOINT$", RegexOptions.IgnoreCase)]
    private static partial Regex Collectors();

    [GeneratedRegex(@"//[*+](?=[:/]|$)")]
    private static partial Regex AnyHost();

    /// <summary>What the framework's binder says of a value.</summary>
    [GeneratedRegex("^Failed to convert configuration value '(.*)' at '(.+)' to type '", RegexOptions.Singleline)]
    private static partial Regex Binder();
}
