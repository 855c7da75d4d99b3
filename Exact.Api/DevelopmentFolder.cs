namespace Exact.Api;

/// <summary>The folder <c>.exact</c>, where Development keeps the embedded database and the admin key.</summary>
internal static class DevelopmentFolder
{
    public static string Of(IHostEnvironment environment) => Path.Combine(environment.ContentRootPath, ".exact");
}
