using System.CommandLine;
using System.Text;
using Exact.Api.Accounts;
using Exact.Infrastructure.Accounts;
using Exact.Infrastructure.Operations;

namespace Exact.Api.Commands;

/// <summary><c>createsuperuser</c>: makes an administrator's account, as Django's command of that name.</summary>
internal static class CreateSuperuserCommand
{
    /// <summary>The variables with the password, for <c>--no-input</c>; a command line is visible to other users.</summary>
    private static readonly string[] PasswordVariables = ["EXACT_SUPERUSER_PASSWORD", "DJANGO_SUPERUSER_PASSWORD"];

    public static Command Create(IServiceProvider services)
    {
        var username = new Option<string>("--username") { Description = UserNames.Rule + ".", Required = true };
        username.Validators.Add(given =>
        {
            if (!UserNames.AreAllowed(given.GetValue(username)))
            {
                given.AddError($"--username is not allowed. {UserNames.Rule}.");
            }
        });
        var email = new Option<string?>("--email") { Description = "The email address; none by default." };
        email.Validators.Add(given =>
        {
            if (given.GetValue(email) is { Length: > 0 } address && !EmailAddresses.AreAllowed(address))
            {
                given.AddError($"--email is not allowed. {EmailAddresses.Rule}.");
            }
        });
        var noInput = new Option<bool>("--no-input", "--noinput")
        {
            Description =
                $"Do not ask for the password; take it from {PasswordVariables[0]} or {PasswordVariables[1]}.",
        };
        var command = new DatabaseCommand("createsuperuser", "Create the account of an administrator.")
        {
            username,
            email,
            noInput,
        };
        command.SetAction(
            async (parsed, cancellationToken) =>
            {
                var (password, mistake) = parsed.GetValue(noInput) ? FindPassword() : AskForPassword();
                if (password is null)
                {
                    await Console.Error.WriteLineAsync(mistake);
                    return ExitCode.Failed;
                }

                var user = new User
                {
                    UserName = parsed.GetRequiredValue(username),
                    Email = parsed.GetValue(email) is { Length: > 0 } address ? address : null,
                    IsStaff = true,
                    IsSuperuser = true,
                };
                return await CreateAsync(services, user, password, cancellationToken);
            }
        );
        return command;
    }

    private static async Task<int> CreateAsync(
        IServiceProvider services,
        User user,
        string password,
        CancellationToken cancellationToken
    )
    {
        await using var scope = services.CreateAsyncScope();
        var registration = await scope
            .ServiceProvider.GetRequiredService<AccountService>()
            .RegisterAsync(user, password, company: null, Actors.CommandLine, address: null, cancellationToken);
        await Console.Error.WriteLineAsync(
            registration switch
            {
                Registration.Done => $"Created the superuser {user.UserName}.",
                Registration.NameNotAllowed => $"{UserNames.Rule}. No account was created.",
                Registration.WeakPassword weak => $"{string.Join(' ', weak.Mistakes)} No account was created.",
                Registration.NameReserved =>
                    $"The service gives the name {user.UserName} to what no account does. No account was created.",
                Registration.NameTaken taken when taken.By == user.UserName =>
                    $"There is a user {taken.By} already. No account was created.",
                Registration.NameTaken taken =>
                    $"The name differs from {taken.By} only in case. No account was created.",
                _ => "Another account has this email address. No account was created.",
            }
        );
        return registration is Registration.Done ? ExitCode.Done : ExitCode.Failed;
    }

    private static (string? Password, string? Mistake) FindPassword() =>
        PasswordVariables.Select(Environment.GetEnvironmentVariable).FirstOrDefault(value => value is { Length: > 0 })
            is { } password
            ? (password, null)
            : (null, $"--no-input needs the password in {PasswordVariables[0]} or {PasswordVariables[1]}.");

    private static (string? Password, string? Mistake) AskForPassword()
    {
        if (Console.IsInputRedirected)
        {
            return (null, $"There is no terminal to type the password. Use --no-input and {PasswordVariables[0]}.");
        }

        var password = ReadHidden("Password: ");
        return ReadHidden("Password (again): ") == password
            ? (password, null)
            : (null, "The two passwords differ. No account was created.");
    }

    private static string ReadHidden(string prompt)
    {
        Console.Error.Write(prompt);
        var typed = new StringBuilder();
        while (Console.ReadKey(intercept: true) is { Key: not ConsoleKey.Enter } key)
        {
            if (key.Key is ConsoleKey.Backspace)
            {
                typed.Length = Math.Max(0, typed.Length - 1);
            }
            else if (key.KeyChar != '\0')
            {
                typed.Append(key.KeyChar);
            }
        }

        Console.Error.WriteLine();
        return typed.ToString();
    }
}
