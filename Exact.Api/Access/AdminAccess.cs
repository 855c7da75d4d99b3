using System.Security.Claims;
using Exact.Infrastructure.Database;
using Microsoft.AspNetCore.Authentication;
using Microsoft.Extensions.Options;

namespace Exact.Api.Access;

/// <summary>
/// Opens <c>/api/admin</c> to the admin key, because an empty database has no users yet, and to members of staff.
/// </summary>
internal static partial class AdminAccess
{
    public const string Policy = "admin";

    private const int MinKeyLength = 16;

    public static AuthenticationBuilder AddAdminKey(
        this AuthenticationBuilder schemes,
        IConfiguration configuration,
        IHostEnvironment environment
    )
    {
        schemes.Services.AddSingleton<WrongKeys>();
        return schemes.AddScheme<AdminKeyOptions, AdminKeyHandler>(
            AdminKeyHandler.Scheme,
            options => options.Key = ReadKey(configuration, environment)
        );
    }

    /// <summary>Maps a group whose routes all need an administrator.</summary>
    /// <param name="routes">The routes of the service.</param>
    /// <param name="prefix">The path below <c>/api/admin</c>.</param>
    /// <param name="policy">What a personal token needs.</param>
    public static RouteGroupBuilder MapAdminGroup(
        this IEndpointRouteBuilder routes,
        string prefix,
        string policy = Policy
    ) =>
        routes
            .MapGroup($"/api/admin{prefix}")
            .WithTags("Admin")
            .RequireAuthorization(policy)
            .ProducesProblem(StatusCodes.Status401Unauthorized)
            .ProducesProblem(StatusCodes.Status403Forbidden)
            .ProducesProblem(StatusCodes.Status429TooManyRequests);

    /// <summary>Whether the caller may see the details of a fault.</summary>
    public static bool IsAdmin(this ClaimsPrincipal user) => user.IsInRole(Policy);

    /// <summary>Warns if there is no admin key. Production does not create one.</summary>
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
        var file = configuration["Admin:KeyFile"];
        var (setting, key) = file is { Length: > 0 }
            ? ("Admin:KeyFile", SecretFile.Read("Admin:KeyFile", file))
            : ("Admin:Key", configuration["Admin:Key"]);
        return key switch
        {
            null or "" => environment.IsDevelopment() ? AdminKeyFile.ReadOrCreate(DevelopmentFolder.Path) : null,
            _ when key.Trim().Length < MinKeyLength => throw new SettingException(
                setting,
                $"must be a key of at least {MinKeyLength} characters. Make one with: openssl rand -hex 32"
            ),
            _ => key.Trim(), // as a header is
        };
    }

    [LoggerMessage(
        1101,
        LogLevel.Warning,
        "Only members of staff have access to /api/admin, because no admin key is configured. Set Admin__KeyFile or Admin__Key"
    )]
    private static partial void LogClosed(ILogger logger);
}
