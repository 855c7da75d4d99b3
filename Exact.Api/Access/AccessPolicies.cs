using System.Security.Claims;
using Exact.Infrastructure.Accounts;
using Exact.Infrastructure.Operations;
using Microsoft.AspNetCore.Identity;

namespace Exact.Api.Access;

/// <summary>Who may do what: a policy for each scope, and three for what a person does.</summary>
/// <remarks>docs/authorization.md has the table of all endpoints.</remarks>
internal static class AccessPolicies
{
    /// <summary>Somebody with an account, by cookie or by any of its tokens; the admin key has none.</summary>
    public const string Person = "person";

    /// <summary>A person at a browser. A stolen token shall not make others or change the password.</summary>
    public const string Session = "session";

    /// <summary>Everybody who is recognised; the endpoint decides by what is asked for.</summary>
    public const string Known = "known";

    /// <summary>An administrator, or a person by cookie or by a token with the scope <c>submit</c>.</summary>
    public const string Organiser = "organiser";

    public const string ScopeClaim = "scope";

    public static void AddAccessPolicies(this IServiceCollection services)
    {
        var policies = services
            .AddAuthorizationBuilder()
            .AddPolicy(Person, policy => policy.RequireAuthenticatedUser().RequireClaim(ClaimTypes.NameIdentifier))
            .AddPolicy(
                Session,
                policy => policy.RequireAuthenticatedUser().RequireAssertion(context => IsSession(context.User))
            );
        policies.AddPolicy(Known, policy => policy.RequireAuthenticatedUser());
        policies.AddPolicy(
            Organiser,
            policy =>
                policy
                    .RequireAuthenticatedUser()
                    .RequireAssertion(context => context.User.IsAdmin() || May(context.User, Scopes.Submit))
        );
        foreach (var scope in Scopes.All)
        {
            policies.AddPolicy(
                scope,
                policy => policy.RequireAuthenticatedUser().RequireAssertion(context => May(context.User, scope))
            );
        }
    }

    /// <summary>The roles of an account, which its cookie carries in full and a token only with the scope for it.</summary>
    public static IEnumerable<Claim> RolesOf(User user) =>
        user.IsAdministrator ? [new(ClaimTypes.Role, AdminAccess.Policy)] : [];

    /// <summary>The key of the caller's account; null for the admin key and for nobody.</summary>
    public static long? AccountId(this ClaimsPrincipal user) =>
        user.FindFirstValue(ClaimTypes.NameIdentifier) is { } id ? long.Parse(id, null) : null;

    /// <summary>Whether the caller is an administrator, or has the account of this organiser.</summary>
    public static bool MayOrganise(this ClaimsPrincipal user, string organiser) =>
        user.IsAdmin() || (user.OwnerName() is { } name && name == organiser);

    /// <summary>The name under which the caller's account owns things; null for an imported account with the name of an actor.</summary>
    public static string? OwnerName(this ClaimsPrincipal user) =>
        user.AccountId() is not null && user.Identity!.Name is { } name && !Actors.Include(name) ? name : null;

    /// <summary>Whether the caller may do what a scope, or this policy, is about.</summary>
    public static bool Meets(this ClaimsPrincipal user, string policy) =>
        policy switch
        {
            Known => user.Identity?.IsAuthenticated is true,
            Person => user.AccountId() is not null,
            Session => IsSession(user),
            Organiser => user.IsAdmin() || May(user, Scopes.Submit),
            _ => May(user, policy),
        };

    private static bool May(ClaimsPrincipal user, string scope) =>
        user.IsAdmin()
            ? scope != Scopes.Submit || user.AccountId() is not null
            : user.HasClaim(ScopeClaim, scope) || (IsSession(user) && !Scopes.OfStaff.Contains(scope));

    private static bool IsSession(ClaimsPrincipal user) =>
        user.Identity?.AuthenticationType == IdentityConstants.ApplicationScheme;
}
