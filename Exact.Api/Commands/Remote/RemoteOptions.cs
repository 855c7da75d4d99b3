using System.CommandLine;
using System.CommandLine.Parsing;

namespace Exact.Api.Commands.Remote;

/// <summary>The options <c>--url</c> and <c>--key-file</c>, with which a command uses a service elsewhere.</summary>
internal sealed class RemoteOptions
{
    private const string UrlName = "--url";

    /// <summary>The variable with the key, as for the worker; a command line is visible to other users.</summary>
    public const string KeyVariable = "EXACT_TOKEN";

    private readonly Option<Uri?> url = new(UrlName)
    {
        Description = "Use the service at this address instead of the database, such as https://exact.example.org.",
        HelpName = "URL",
        CustomParser = ParseAddress,
    };

    private readonly Option<string?> keyFile = new("--key-file")
    {
        Description = $"With {UrlName}: the file with the admin key or a token; otherwise {KeyVariable} has it.",
        HelpName = "FILE",
    };

    public RemoteOptions(Command command)
    {
        command.Add(url);
        command.Add(keyFile);
        command.Validators.Add(given =>
        {
            if (given.GetResult(keyFile) is not null && given.GetResult(url) is null)
            {
                given.AddError($"--key-file goes with {UrlName}, which names the service that the key opens.");
            }
        });
    }

    /// <summary>Whether the command line names a service, so that no database is needed here.</summary>
    public static bool AreGiven(ParseResult parsed) =>
        parsed.CommandResult.Command.Options.FirstOrDefault(option => option.Name == UrlName) is { } url
        && parsed.GetResult(url) is { Implicit: false };

    /// <summary>Whether the command line of this command names a service.</summary>
    public bool AreGiven(CommandResult given) => given.GetResult(url) is not null;

    /// <summary>Opens the service that the command line names; null if it names none.</summary>
    /// <exception cref="RemoteException">There is no key.</exception>
    public RemoteService? Open(ParseResult parsed) =>
        parsed.GetValue(url) is { } address ? new RemoteService(address, ReadKey(parsed.GetValue(keyFile))) : null;

    /// <summary>The address of a service, with a slash at its end.</summary>
    public static Uri? ParseAddress(ArgumentResult result)
    {
        var typed = result.Tokens[0].Value;
        if (
            Uri.TryCreate(typed.TrimEnd('/') + "/", UriKind.Absolute, out var address)
            && address.Scheme is "http" or "https"
        )
        {
            return address;
        }

        result.AddError($"\"{typed}\" is not an address such as https://exact.example.org.");
        return null;
    }

    private static string ReadKey(string? file)
    {
        try
        {
            var key = file is null ? Environment.GetEnvironmentVariable(KeyVariable) : File.ReadAllText(file);
            return key?.Trim() is { Length: > 0 } trimmed && !trimmed.Any(char.IsControl)
                ? trimmed
                : throw new RemoteException(
                    $"{file ?? KeyVariable} holds no key. Name the file with the admin key or a token: --key-file FILE",
                    ExitCode.NotUnderstood
                );
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new RemoteException(
                $"The key cannot be read: {e.Message} Correct --key-file.",
                ExitCode.NotUnderstood
            );
        }
    }
}
