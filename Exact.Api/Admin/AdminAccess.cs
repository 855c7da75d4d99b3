using System.Security.Claims;
using Exact.Api.Startup;
using Exact.Infrastructure.Database;
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
        builder.Services.AddSingleton<WrongKeys>();
        // The framework writes a line for each challenge, without an address; WrongKeys writes fewer, with it.
        builder.Logging.AddFilter(typeof(AdminKeyHandler).FullName, LogLevel.Warning);
    }

    /// <summary>A group whose every route asks for an administrator.</summary>
    public static RouteGroupBuilder MapAdminGroup(this IEndpointRouteBuilder routes, string prefix) =>
        routes
            .MapGroup($"/api/admin{prefix}")
            .WithTags("Admin")
            .RequireAuthorization(Policy)
            .ProducesProblem(StatusCodes.Status401Unauthorized)
            .ProducesProblem(StatusCodes.Status429TooManyRequests);

    /// <summary>Whether a caller may know what went wrong on the server's side.</summary>
    public static bool IsAdmin(this ClaimsPrincipal user) => user.IsInRole(Policy);

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
            ? SecretFile.Read("Admin:KeyFile", file)
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
