namespace Exact.Api;

/// <summary>The folder <c>.exact</c>, where Development keeps the embedded database and the admin key.</summary>
internal static class DevelopmentFolder
{
    /// <summary>The folder of the project: <c>dotnet run</c> starts the program there.</summary>
    public static string Project => Directory.GetCurrentDirectory();

    public static string Path => System.IO.Path.Combine(Project, ".exact");
}
