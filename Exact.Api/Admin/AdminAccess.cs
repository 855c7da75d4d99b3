using System.Security.Claims;
using System.Security.Cryptography;
using System.Text;
using System.Text.Encodings.Web;
using Exact.Api.Startup;
using Exact.Infrastructure.Database;
using Microsoft.AspNetCore.Authentication;
using Microsoft.Extensions.Options;

namespace Exact.Api.Admin;

/// <summary>Who may use <c>/api/admin</c>: whoever sends the admin key. An empty database has no users yet.</summary>
internal static partial class AdminAccess
{
    public const string Policy = "admin";

    /// <summary>The actor in the journal when the key was used.</summary>
    public const string KeyActor = "admin-key";

    public static void AddAdminAccess(this WebApplicationBuilder builder)
    {
        builder
            .Services.AddAuthentication(AdminKeyHandler.Scheme)
            .AddScheme<AdminKeyOptions, AdminKeyHandler>(
                AdminKeyHandler.Scheme,
                options => options.Key = ReadKey(builder.Configuration, builder.Environment)
            );
        builder.Services.AddAuthorizationBuilder().AddPolicy(Policy, policy => policy.RequireRole(Policy));
    }

    /// <summary>A group whose every route asks for an administrator.</summary>
    public static RouteGroupBuilder MapAdminGroup(this IEndpointRouteBuilder routes, string prefix) =>
        routes.MapGroup($"/api/admin{prefix}").WithTags("Admin").RequireAuthorization(Policy).ProducesProblem(401);

    /// <summary>Production makes no key of its own.</summary>
    public static void WarnIfAdminIsClosed(this WebApplication app)
    {
        var options = app.Services.GetRequiredService<IOptionsMonitor<AdminKeyOptions>>();
        if (options.Get(AdminKeyHandler.Scheme).Key is null)
        {
            LogClosed(app.Logger);
        }
    }

    private static string? ReadKey(IConfiguration configuration, IHostEnvironment environment)
    {
        var key = configuration["Admin:KeyFile"] is { Length: > 0 } file
            ? File.ReadAllText(file).Trim()
            : configuration["Admin:Key"];
        return key is { Length: > 0 } ? key
            : environment.IsDevelopment() ? AdminKeyFile.ReadOrCreate(EmbeddedDatabase.FolderOf(environment))
            : null;
    }

    [LoggerMessage(
        LogLevel.Warning,
        "No admin key is configured, so /api/admin is closed: set Admin__KeyFile or Admin__Key"
    )]
    private static partial void LogClosed(ILogger logger);
}

internal sealed class AdminKeyOptions : AuthenticationSchemeOptions
{
    /// <summary>The key that opens the door; null keeps it closed.</summary>
    public string? Key { get; set; }
}

internal sealed class AdminKeyHandler(
    IOptionsMonitor<AdminKeyOptions> options,
    ILoggerFactory logger,
    UrlEncoder encoder
) : AuthenticationHandler<AdminKeyOptions>(options, logger, encoder)
{
    public new const string Scheme = "Bearer";

    protected override Task<AuthenticateResult> HandleAuthenticateAsync()
    {
        var header = Request.Headers.Authorization.ToString();
        if (!header.StartsWith($"{Scheme} ", StringComparison.OrdinalIgnoreCase))
        {
            return Task.FromResult(AuthenticateResult.NoResult());
        }

        if (Options.Key is null || !IsSame(header[Scheme.Length..].Trim(), Options.Key))
        {
            return Task.FromResult(AuthenticateResult.Fail("The admin key is not right."));
        }

        var identity = new ClaimsIdentity(
            [new(ClaimTypes.Name, AdminAccess.KeyActor), new(ClaimTypes.Role, AdminAccess.Policy)],
            Scheme
        );
        return Task.FromResult(AuthenticateResult.Success(new(new(identity), Scheme)));
    }

    protected override Task HandleChallengeAsync(AuthenticationProperties properties)
    {
        Response.Headers.WWWAuthenticate = Scheme;
        return TypedResults
            .Problem(
                statusCode: StatusCodes.Status401Unauthorized,
                title: "This needs the admin key.",
                detail: Options.Key is null
                    ? "No admin key is configured: set Admin__KeyFile (or Admin__Key) and start the service again."
                    : "Send it as \"Authorization: Bearer KEY\"."
            )
            .ExecuteAsync(Context);
    }

    /// <summary>Compares hashes, so that neither the content nor the length of the key shows in the time it takes.</summary>
    private static bool IsSame(string sent, string key) =>
        CryptographicOperations.FixedTimeEquals(
            SHA256.HashData(Encoding.UTF8.GetBytes(sent)),
            SHA256.HashData(Encoding.UTF8.GetBytes(key))
        );
}
