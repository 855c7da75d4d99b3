using System.Security.Claims;
using System.Security.Cryptography;
using System.Text;
using Exact.Api.Access;
using Exact.Infrastructure.Migrating;
using Exact.Infrastructure.Operations;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.Cookies;
using Microsoft.Extensions.Options;

namespace Exact.Api.AdminConsole;

/// <summary>The cookie that a browser gets once for the admin key. It is recognised below <c>/admin</c> only.</summary>
internal static class ConsoleCookie
{
    public const string Scheme = "Console";
    public const string Name = "exact_console";

    private const string KeyClaim = "key";

    /// <summary>Marks a session from a time without shared keys, which only this process can read.</summary>
    private const string OfThisProcess = "process";

    /// <summary>The key opens everything, so its session is shorter than a person's.</summary>
    private static readonly TimeSpan Lifetime = TimeSpan.FromHours(12);

    public static void Configure(CookieAuthenticationOptions options)
    {
        options.Cookie.Name = Name;
        options.Cookie.SameSite = SameSiteMode.Strict;
        options.ExpireTimeSpan = Lifetime;
        options.Events.OnSigningIn = MarkAsync;
        options.Events.OnValidatePrincipal = ValidateAsync;
        SessionCookie.Secure(options);
    }

    public static bool IsSent(HttpRequest request) =>
        request.Path.StartsWithSegments("/admin") && request.Cookies.ContainsKey(Name);

    /// <summary>The caller that a right key makes.</summary>
    public static ClaimsPrincipal PrincipalFor(AdminKeyOptions options) =>
        new(
            new ClaimsIdentity(
                [
                    new(ClaimTypes.Name, Actors.AdminKey),
                    new(ClaimTypes.Role, AdminAccess.Policy),
                    new(KeyClaim, PrintOf(options)),
                ],
                Scheme
            )
        );

    private static Task MarkAsync(CookieSigningInContext context)
    {
        if (!IsOpen(context.HttpContext))
        {
            context.Properties.Items[OfThisProcess] = bool.TrueString;
        }

        return Task.CompletedTask;
    }

    /// <summary>
    /// A new admin key ends the sessions of the old one. A session that only this process can read gets a cookie for every
    /// replica as soon as that is possible.
    /// </summary>
    private static Task ValidateAsync(CookieValidatePrincipalContext context)
    {
        var keys = context.HttpContext.RequestServices.GetRequiredService<IOptionsMonitor<AdminKeyOptions>>();
        if (context.Principal?.FindFirstValue(KeyClaim) == PrintOf(keys.Get(AdminKeyHandler.Scheme)))
        {
            context.ShouldRenew = IsOpen(context.HttpContext) && context.Properties.Items.Remove(OfThisProcess);
            return Task.CompletedTask;
        }

        context.RejectPrincipal();
        return context.HttpContext.SignOutAsync(Scheme);
    }

    private static bool IsOpen(HttpContext context) => context.RequestServices.GetRequiredService<SchemaState>().IsOpen;

    private static string PrintOf(AdminKeyOptions options) =>
        Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes($"{Scheme} {options.Key}")));
}
