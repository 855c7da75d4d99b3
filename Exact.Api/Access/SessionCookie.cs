using System.Security.Claims;
using Exact.Infrastructure.Accounts;
using Exact.Infrastructure.Database;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.Cookies;
using Microsoft.AspNetCore.Identity;
using Microsoft.Extensions.Options;
using Npgsql;

namespace Exact.Api.Access;

/// <summary>The cookie of a signed-in person.</summary>
internal static class SessionCookie
{
    public const string Name = "exact_session";

    /// <summary>Two weeks without a visit end a session, as in Django.</summary>
    public static readonly TimeSpan Lifetime = TimeSpan.FromDays(14);

    /// <summary>How long a session outlives the password, the flags or the account that it was made with.</summary>
    private static readonly TimeSpan CheckInterval = TimeSpan.FromSeconds(30);

    public static void Configure(CookieAuthenticationOptions options)
    {
        options.Cookie.Name = Name;
        options.Cookie.SameSite = SameSiteMode.Lax;
        options.ExpireTimeSpan = Lifetime;
        options.Events.OnValidatePrincipal = ValidateAsync;
        Secure(options);
    }

    /// <summary>What every cookie that signs somebody in has in common: no script reads it, and refusals are answers.</summary>
    public static void Secure(CookieAuthenticationOptions options)
    {
        options.Cookie.HttpOnly = true;
        options.Cookie.SecurePolicy = CookieSecurePolicy.SameAsRequest;
        options.SlidingExpiration = true;
        options.Events.OnRedirectToLogin = refused => Refusals.UnauthorizedAsync(refused.HttpContext);
        options.Events.OnRedirectToAccessDenied = refused => Refusals.ForbiddenAsync(refused.HttpContext);
    }

    /// <summary>Looks again at the account from time to time, and renews the cookie or deletes it.</summary>
    private static async Task ValidateAsync(CookieValidatePrincipalContext context)
    {
        var services = context.HttpContext.RequestServices;
        var now = services.GetRequiredService<TimeProvider>().GetUtcNow();
        if (now - context.Properties.IssuedUtc < CheckInterval)
        {
            return;
        }

        try
        {
            var signIn = services.GetRequiredService<SignInManager<User>>();
            var user = await services
                .GetRequiredService<NpgsqlDataSource>()
                .TryTwiceAsync(() => signIn.ValidateSecurityStampAsync(context.Principal));
            if (
                user is null
                || await services.GetRequiredService<EndedSessions>().HasEndedAsync(context.Principal!, default)
            )
            {
                context.RejectPrincipal();
                await context.HttpContext.SignOutAsync(context.Scheme.Name);
                return;
            }

            var principal = await signIn.CreateUserPrincipalAsync(user);
            EndedSessions.KeepId(context.Principal!, principal);
            context.ReplacePrincipal(principal);
            context.ShouldRenew = true;
        }
        catch (Exception e) when (PostgresErrors.FaultOf(e) is not null)
        {
            context.HttpContext.KeepFault(e);
            context.RejectPrincipal(); // for this request; the cookie stays
        }
    }

    /// <summary>Adds the role of a member of staff to the cookie.</summary>
    internal sealed class Claims(UserManager<User> users, IOptions<IdentityOptions> options)
        : UserClaimsPrincipalFactory<User>(users, options)
    {
        protected override async Task<ClaimsIdentity> GenerateClaimsAsync(User user)
        {
            var identity = await base.GenerateClaimsAsync(user);
            identity.AddClaims(AccessPolicies.RolesOf(user));
            identity.AddClaim(EndedSessions.NewId());
            return identity;
        }
    }
}
