using System.Globalization;
using Exact.Api.Access;
using Exact.Infrastructure.Accounts;
using FluentValidation;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Identity;
using Microsoft.AspNetCore.Mvc;

namespace Exact.Api.Accounts;

/// <summary>Registers people and signs them in and out.</summary>
internal static class AccountEndpoints
{
    /// <summary>The longest request has two passwords.</summary>
    public static readonly RequestSizeLimitAttribute SmallBody = new(64 * 1024);

    public static IServiceCollection AddAccounts(this IServiceCollection services)
    {
        services.AddValidatorsFromAssemblyContaining<RegisterValidator>(
            ServiceLifetime.Singleton,
            found => found.ValidatorType.Namespace == typeof(RegisterValidator).Namespace,
            includeInternalTypes: true
        );
        return services.AddScoped<AccountService>().AddScoped<SignInService>().AddScoped<TokenService>();
    }

    /// <summary>Maps a group below <c>/api/account</c>, whose requests are small.</summary>
    public static RouteGroupBuilder MapAccountGroup(this IEndpointRouteBuilder routes, string prefix) =>
        routes.MapGroup($"/api/account{prefix}").WithTags("Account").WithMetadata(SmallBody).Validated();

    public static void MapAccounts(this IEndpointRouteBuilder routes)
    {
        var group = routes.MapAccountGroup("");
        group
            .MapPost("/register", RegisterAsync)
            .WithSummary("Make an account")
            .ProducesProblem(StatusCodes.Status409Conflict)
            .ProducesProblem(StatusCodes.Status413PayloadTooLarge)
            .ProducesProblem(StatusCodes.Status415UnsupportedMediaType)
            .ProducesProblem(StatusCodes.Status503ServiceUnavailable);
        group
            .MapPost("/login", SignInAsync)
            .WithSummary("Sign in; the answer sets the cookie of the session")
            .SetsCookie()
            .ProducesValidationProblem()
            .ProducesProblem(StatusCodes.Status401Unauthorized)
            .ProducesProblem(StatusCodes.Status403Forbidden)
            .ProducesProblem(StatusCodes.Status413PayloadTooLarge)
            .ProducesProblem(StatusCodes.Status415UnsupportedMediaType)
            .ProducesProblem(StatusCodes.Status429TooManyRequests)
            .ProducesProblem(StatusCodes.Status503ServiceUnavailable);
        group.MapPost("/logout", SignOutAsync).WithSummary("Sign out").ForCallers(AccessPolicies.Session);
        group.MapGet("/", GetAsync).WithSummary("Get the caller's account").ForCallers(AccessPolicies.Person);
        group
            .MapPost("/password", ChangePasswordAsync)
            .WithSummary("Change the password; other sessions end within a minute, tokens stay")
            .ForCallers(AccessPolicies.Session)
            .ProducesProblem(StatusCodes.Status413PayloadTooLarge)
            .ProducesProblem(StatusCodes.Status415UnsupportedMediaType)
            .ProducesProblem(StatusCodes.Status429TooManyRequests)
            .ProducesProblem(StatusCodes.Status503ServiceUnavailable);
    }

    /// <summary>Requires a policy, and documents its refusals.</summary>
    public static RouteHandlerBuilder ForCallers(this RouteHandlerBuilder endpoint, string policy) =>
        endpoint
            .RequireAuthorization(policy)
            .ProducesProblem(StatusCodes.Status401Unauthorized)
            .ProducesProblem(StatusCodes.Status403Forbidden);

    private static async Task<Results<Created<AccountResponse>, ValidationProblem, ProblemHttpResult>> RegisterAsync(
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
                $"{context.Request.PathBase}/api/account",
                await accounts.FindAsync(user.Id, cancellationToken)
            ),
            Registration.NameNotAllowed => Mistakes("username", [$"{UserNames.Rule}."]),
            Registration.WeakPassword weak => Mistakes("password", [.. weak.Mistakes]),
            Registration.NameReserved => Conflict(
                "The user name is reserved.",
                "The service gives this name to what no account does. Choose another name."
            ),
            Registration.NameTaken taken => Conflict(
                "The user name is taken.",
                taken.By == user.UserName
                    ? "Choose another name."
                    : $"It differs from {taken.By} only in case. Choose another name."
            ),
            Registration.EmailTaken => Conflict(
                "The email address is taken.",
                "Another account has this address. Sign in to that account, or use another address."
            ),
            _ => Conflict(
                "The user name has a history.",
                "Scores or challenges carry this name, but no account does. A new account would inherit them, so only an "
                    + "administrator may register this name. Choose another name, or ask an administrator."
            ),
        };
    }

    private static async Task<Results<Ok<AccountResponse>, ProblemHttpResult>> SignInAsync(
        LoginRequest request,
        SignInService service,
        SignInManager<User> signIn,
        AccountService accounts,
        HttpContext context,
        CancellationToken cancellationToken
    )
    {
        var address = context.Connection.RemoteIpAddress;
        switch (await service.SignInAsync(request.Username, request.Password, address, cancellationToken))
        {
            case Attempt.Right { User: var user }:
                await signIn.SignInAsync(user, isPersistent: true);
                return TypedResults.Ok(await accounts.FindAsync(user.Id, cancellationToken));
            case Attempt.TooMany { RetryAfter: var wait }:
                return TooMany(context, wait);
            default:
                return TypedResults.Problem(
                    statusCode: StatusCodes.Status401Unauthorized,
                    title: "The sign-in failed.",
                    detail: "The user name or the password is wrong, or the account is disabled. Names are case-sensitive."
                );
        }
    }

    private static async Task<NoContent> SignOutAsync(
        SignInManager<User> signIn,
        EndedSessions sessions,
        HttpContext context,
        CancellationToken cancellationToken
    )
    {
        await sessions.EndAsync(context.User, cancellationToken);
        await signIn.SignOutAsync();
        return TypedResults.NoContent();
    }

    private static async Task<Results<Ok<AccountResponse>, UnauthorizedHttpResult>> GetAsync(
        AccountService accounts,
        HttpContext context,
        CancellationToken cancellationToken
    ) =>
        await accounts.FindAsync(context.User.AccountId()!.Value, cancellationToken) is { } account
            ? TypedResults.Ok(account)
            : TypedResults.Unauthorized(); // deleted within the last seconds

    private static async Task<Results<NoContent, ValidationProblem, ProblemHttpResult>> ChangePasswordAsync(
        PasswordRequest request,
        SignInService service,
        SignInManager<User> signIn,
        HttpContext context,
        CancellationToken cancellationToken
    )
    {
        var address = context.Connection.RemoteIpAddress;
        var name = context.User.Identity!.Name!;
        var (current, next) = (request.CurrentPassword, request.NewPassword);
        switch (await service.ChangePasswordAsync(name, current, next, address, cancellationToken))
        {
            case Attempt.Right { User: var user }:
                await signIn.SignInAsync(user, isPersistent: true); // this session goes on
                return TypedResults.NoContent();
            case Attempt.TooMany { RetryAfter: var wait }:
                return TooMany(context, wait);
            case Attempt.WeakPassword { Mistakes: var mistakes }:
                return Mistakes("new_password", [.. mistakes]);
            default:
                return Mistakes("current_password", ["This is not your password."]);
        }
    }

    private static ValidationProblem Mistakes(string field, string[] mistakes) =>
        TypedResults.ValidationProblem(new Dictionary<string, string[]> { [field] = mistakes });

    private static ProblemHttpResult Conflict(string title, string detail) =>
        TypedResults.Problem(statusCode: StatusCodes.Status409Conflict, title: title, detail: detail);

    public static ProblemHttpResult TooMany(HttpContext context, TimeSpan wait)
    {
        context.Response.Headers.RetryAfter = Math.Ceiling(wait.TotalSeconds).ToString(CultureInfo.InvariantCulture);
        return TypedResults.Problem(
            statusCode: StatusCodes.Status429TooManyRequests,
            title: "Too many sign-ins from your network have failed.",
            detail: $"Try again in {Math.Ceiling(wait.TotalMinutes):0} minutes. Until then, every password is refused."
        );
    }
}
