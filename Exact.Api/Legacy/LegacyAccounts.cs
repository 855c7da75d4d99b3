using System.Security.Cryptography;
using System.Text.Json.Serialization;
using Exact.Api.Access;
using Exact.Api.Accounts;
using Exact.Infrastructure.Accounts;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Identity;

namespace Exact.Api.Legacy;

/// <summary>Registers people and signs them in and out, for the legacy client.</summary>
internal static class LegacyAccounts
{
    private const string CsrfCookie = "csrftoken";
    private const int CsrfLength = 64;

    /// <summary>A day without a visit ends a session of this client.</summary>
    private static readonly TimeSpan Lifetime = TimeSpan.FromHours(24);

    public static void MapLegacyAccounts(this RouteGroupBuilder legacy)
    {
        var group = legacy.MapGroup("");
        group.AddEndpointFilter(
            (context, next) =>
            {
                context.HttpContext.Response.Headers.CacheControl = "no-store";
                return next(context);
            }
        );
        group
            .MapGet("/csrf", GetCsrfToken)
            .WithSummary("Get a token that Exact does not need: it judges requests by their origin");
        group
            .MapPost("/register", RegisterAsync)
            .WithSummary("Make an account")
            .WithMetadata(AccountEndpoints.SmallBody)
            .Refuses(400, 413)
            .ProducesProblem(StatusCodes.Status415UnsupportedMediaType);
        group
            .MapPost("/login", SignInAsync)
            .WithSummary("Sign in; the answer sets the cookie of the session")
            .WithMetadata(AccountEndpoints.SmallBody)
            .SetsCookie()
            .Refuses(400, 401, 403, 413, 429)
            .ProducesProblem(StatusCodes.Status415UnsupportedMediaType);
        group.MapPost("/logout", SignOutAsync).WithSummary("Sign out").Refuses(403);
        group.MapGet("/user", GetAsync).WithSummary("Get the caller's account").Refuses(403);
    }

    private static Ok<CsrfResponse> GetCsrfToken(HttpContext context)
    {
        var known = context.Request.Cookies[CsrfCookie];
        var token =
            known is { Length: CsrfLength } && known.All(char.IsAsciiLetterOrDigit)
                ? known
                : RandomNumberGenerator.GetHexString(CsrfLength, lowercase: true);
        context.Response.Cookies.Append(
            CsrfCookie,
            token,
            new()
            {
                MaxAge = TimeSpan.FromDays(364),
                SameSite = SameSiteMode.Lax,
                Secure = context.Request.IsHttps,
            }
        );
        return TypedResults.Ok(new CsrfResponse(token));
    }

    private static async Task<Results<Created<LegacyAccount>, ProblemHttpResult>> RegisterAsync(
        RegisterRequest request,
        AccountService accounts,
        HttpContext context,
        CancellationToken cancellationToken
    )
    {
        var user = new User { UserName = request.Username, Email = request.Email };
        var registration = await accounts.RegisterAsync(
            user,
            request.Password,
            request.Company,
            administrator: context.User.IsAdmin() ? context.User.Identity!.Name : null,
            context.Connection.RemoteIpAddress,
            cancellationToken
        );
        return registration switch
        {
            Registration.Done => TypedResults.Created(
                $"{context.Request.PathBase}/user",
                new LegacyAccount(user.Email, user.UserName)
            ),
            Registration.NameNotAllowed => Refuse($"{UserNames.Rule}."),
            Registration.WeakPassword weak => Refuse(string.Join(' ', weak.Mistakes)),
            Registration.NameTaken or Registration.NameReserved => Refuse("A user with that username already exists."),
            Registration.EmailTaken => Refuse("A user with that email address already exists."),
            _ => Refuse("Scores or challenges carry this username already. Choose another, or ask an administrator."),
        };

        static ProblemHttpResult Refuse(string error) =>
            TypedResults.Problem(error, statusCode: StatusCodes.Status400BadRequest);
    }

    private static async Task<Results<Ok<LegacyAccount>, ProblemHttpResult>> SignInAsync(
        LoginRequest request,
        SignInService service,
        SignInManager<User> signIn,
        TimeProvider time,
        HttpContext context,
        CancellationToken cancellationToken
    )
    {
        var address = context.Connection.RemoteIpAddress;
        switch (await service.SignInAsync(request.Username, request.Password, address, cancellationToken))
        {
            case Attempt.Right { User: var user }:
                await signIn.SignInAsync(
                    user,
                    new AuthenticationProperties { IsPersistent = true, ExpiresUtc = time.GetUtcNow() + Lifetime }
                );
                return TypedResults.Ok(new LegacyAccount(user.Email, user.UserName!));
            case Attempt.TooMany { RetryAfter: var wait }:
                return AccountEndpoints.TooMany(context, wait);
            default:
                return TypedResults.Problem(
                    "The username or the password is wrong.",
                    statusCode: StatusCodes.Status401Unauthorized
                );
        }
    }

    private static async Task<Ok<LegacyMessage>> SignOutAsync(
        SignInManager<User> signIn,
        EndedSessions sessions,
        HttpContext context,
        CancellationToken cancellationToken
    )
    {
        await sessions.EndAsync(context.User, cancellationToken);
        await signIn.SignOutAsync();
        return TypedResults.Ok(new LegacyMessage("Signed out."));
    }

    private static async Task<Results<Ok<LegacyUser>, ProblemHttpResult>> GetAsync(
        AccountService accounts,
        HttpContext context,
        CancellationToken cancellationToken
    )
    {
        context.ThrowFault();
        return context.User.AccountId() is { } id && await accounts.FindAsync(id, cancellationToken) is { } account
            ? TypedResults.Ok(new LegacyUser(new(account.Email, account.Username, account.Company)))
            : TypedResults.Problem("Nobody is signed in.", statusCode: StatusCodes.Status403Forbidden);
    }

    /// <example>{"csrfToken": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08"}</example>
    internal sealed record CsrfResponse([property: JsonPropertyName("csrfToken")] string CsrfToken);

    /// <example>{"email": "ada@example.org", "username": "ada"}</example>
    internal sealed record LegacyAccount(string? Email, string Username);

    /// <example>{"user": {"email": "ada@example.org", "username": "ada", "company_name": "ACME"}}</example>
    internal sealed record LegacyUser(NamedAccount User);

    internal sealed record NamedAccount(string? Email, string Username, string? CompanyName);
}

/// <summary>What has happened, for a person.</summary>
/// <example>{"message": "Signed out."}</example>
internal sealed record LegacyMessage(string Message);
