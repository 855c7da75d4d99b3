using Exact.Api.AdminConsole;
using Exact.Infrastructure.Accounts;
using Exact.Infrastructure.Migrating;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Identity;

namespace Exact.Api.Access;

/// <summary>Recognises callers: by the admin key, by a personal token, or by the cookie of a session.</summary>
internal static class AccessSetup
{
    private const string AnyScheme = "Exact";

    public static void AddAccess(this WebApplicationBuilder builder)
    {
        builder
            .Services.AddAuthentication(AnyScheme)
            .AddPolicyScheme(AnyScheme, null, any => any.ForwardDefaultSelector = SelectScheme)
            .AddAdminKey(builder.Configuration, builder.Environment)
            .AddScheme<AuthenticationSchemeOptions, TokenHandler>(TokenHandler.Scheme, null)
            .AddCookie(IdentityConstants.ApplicationScheme, SessionCookie.Configure)
            .AddCookie(ConsoleCookie.Scheme, ConsoleCookie.Configure);
        new IdentityBuilder(typeof(User), builder.Services)
            .AddSignInManager()
            .AddClaimsPrincipalFactory<SessionCookie.Claims>();
        builder.Services.AddScoped<EndedSessions>();
        builder.Services.AddAccessPolicies();
        // The framework logs each refusal, without an address. WrongKeys logs fewer lines, with the address.
        builder.Logging.AddFilter(typeof(AdminKeyHandler).FullName, LogLevel.Warning);
        builder.Logging.AddFilter(typeof(TokenHandler).FullName, LogLevel.Warning);
    }

    public static void UseAccess(this WebApplication app)
    {
        app.UseAuthentication();
        app.UseCrossSiteRule();
        app.UseAuthorization();
    }

    /// <summary>Before the schema is there, only the admin key can be recognised, or its session in the console.</summary>
    private static string SelectScheme(HttpContext context) =>
        TokenHandler.IsSent(context.Request) ? TokenHandler.Scheme
        : AdminKeyHandler.KeyOf(context.Request) is not null ? AdminKeyHandler.Scheme
        : ConsoleCookie.IsSent(context.Request) ? ConsoleCookie.Scheme
        : !context.RequestServices.GetRequiredService<SchemaState>().HasStarted ? AdminKeyHandler.Scheme
        : IdentityConstants.ApplicationScheme;
}
