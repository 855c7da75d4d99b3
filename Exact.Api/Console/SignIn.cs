using Exact.Api.Access;
using Exact.Api.Accounts;
using Exact.Api.Startup;
using Exact.Infrastructure.Accounts;
using Exact.Infrastructure.Migrating;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Identity;
using Microsoft.Extensions.Options;

namespace Exact.Api.AdminConsole;

/// <summary>Exchanges the admin key, or the password of a member of staff, for a cookie.</summary>
internal static partial class SignIn
{
    public static void MapSignIn(this RouteGroupBuilder group)
    {
        var forms = group.MapGroup("").ChecksForms().AvailableAtAnyTime();
        forms.MapGet("/sign-in", (HttpContext context) => Page($"{context.Request.PathBase}/admin"));
        forms.MapPost("/sign-in", SignInAsync);
        forms.MapPost("/sign-out", (Delegate)SignOutAsync);
    }

    private static IResult Page(string returnTo, string? mistake = null, bool isStaff = false, int? status = null) =>
        ConsolePage.Of<SignInPage>(
            new()
            {
                [nameof(SignInPage.ReturnTo)] = returnTo,
                [nameof(SignInPage.Mistake)] = mistake,
                [nameof(SignInPage.IsStaff)] = isStaff,
            },
            status
        );

    private static async Task<IResult> SignInAsync(
        HttpContext context,
        SignInService people,
        SignInManager<User> sessions,
        SchemaState state,
        WrongKeys wrongKeys,
        IOptionsMonitor<AdminKeyOptions> keys,
        ILogger<AdminKeyHandler> logger,
        CancellationToken cancellationToken
    )
    {
        var form = await context.Request.ReadFormAsync(cancellationToken);
        var returnTo = SafeReturn(context, form["return"]);
        var isStaff = form.ContainsKey("username");
        if (isStaff && !state.IsOpen)
        {
            const string Sentence = "Accounts cannot be checked now. Sign in with the admin key.";
            return Page(returnTo, Sentence, status: StatusCodes.Status422UnprocessableEntity);
        }

        var mistake = isStaff
            ? await SignInStaffAsync(
                people,
                sessions,
                $"{form["username"]}",
                $"{form["password"]}",
                context,
                cancellationToken
            )
            : await SignInWithKeyAsync(
                context,
                wrongKeys,
                keys.Get(AdminKeyHandler.Scheme),
                $"{form["key"]}".Trim(),
                logger
            );
        return mistake is null
            ? TypedResults.LocalRedirect(returnTo)
            : Page(returnTo, mistake, isStaff, StatusCodes.Status422UnprocessableEntity);
    }

    private static async Task<string?> SignInWithKeyAsync(
        HttpContext context,
        WrongKeys wrongKeys,
        AdminKeyOptions options,
        string key,
        ILogger logger
    )
    {
        var address = context.Connection.RemoteIpAddress;
        if (wrongKeys.FindWait(address) is { } wait || (!options.IsRight(key) && wrongKeys.Add(address) is { } _))
        {
            return "Too many wrong keys came from this address. Wait half a minute, and try again.";
        }

        if (!options.IsRight(key))
        {
            return options.Key is null
                ? "The service has no admin key. Sign in as staff, or set Admin__KeyFile."
                : "This is not the admin key. The log of the service says at its start where the key is.";
        }

        await context.SignInAsync(ConsoleCookie.Scheme, ConsoleCookie.PrincipalFor(options));
        LogKey(logger, address?.ToString() ?? "a local socket");
        return null;
    }

    private static async Task<string?> SignInStaffAsync(
        SignInService people,
        SignInManager<User> sessions,
        string username,
        string password,
        HttpContext context,
        CancellationToken cancellationToken
    )
    {
        var address = context.Connection.RemoteIpAddress;
        switch (await people.SignInAsync(username, password, address, cancellationToken))
        {
            case Attempt.Right { User.IsAdministrator: true } right:
                await context.SignOutAsync(ConsoleCookie.Scheme); // the key's session would count first
                await sessions.SignInAsync(right.User, isPersistent: false);
                return null;
            case Attempt.Right:
                return "This account is not a member of staff. Sign in with one that is, or with the admin key.";
            case Attempt.TooMany tooMany:
                return $"Too many sign-ins failed. Try again in {Show.Span(tooMany.RetryAfter)}.";
            default:
                return "The name or the password is wrong.";
        }
    }

    private static async Task<IResult> SignOutAsync(HttpContext context)
    {
        await context.SignOutAsync(ConsoleCookie.Scheme);
        await context.SignOutAsync(IdentityConstants.ApplicationScheme);
        return TypedResults.LocalRedirect($"{context.Request.PathBase}/admin/sign-in");
    }

    /// <summary>A page of this service; the framework refuses to redirect to any other.</summary>
    private static string SafeReturn(HttpContext context, string? returnTo)
    {
        var admin = $"{context.Request.PathBase}/admin";
        return
            returnTo is not null
            && returnTo.StartsWith(admin, StringComparison.Ordinal)
            && returnTo.AsSpan(admin.Length) is "" or ['/' or '?', ..]
            && !returnTo.StartsWith($"{admin}/sign-in", StringComparison.Ordinal)
            ? returnTo
            : admin;
    }

    // No entry of the journal, because an administrator also signs in while the database cannot be written.
    [LoggerMessage(1105, LogLevel.Information, "Signed in to the console with the admin key from {Address}")]
    private static partial void LogKey(ILogger logger, string address);
}
