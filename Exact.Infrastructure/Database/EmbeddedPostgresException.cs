namespace Exact.Infrastructure.Database;

/// <summary>The embedded PostgreSQL cannot run; the message says why and what to do, and is all that a user needs to see.</summary>
internal sealed class EmbeddedPostgresException(string message, Exception? innerException = null)
    : Exception(message, innerException)
{
    /// <summary>What to do on a machine where the embedded server cannot run.</summary>
    public static string WaysOut(int? major = null) =>
        $"""
            Any one of these three ways leads on:
              1. Install PostgreSQL{(major is null ? "" : $" {major}")} on this machine; Exact finds it by itself:
                     {InstallCommand(major)}
              2. Use Docker, which brings its own PostgreSQL:
                     docker compose up --build
              3. Use a server that you have, by its connection string in the environment:
                     ConnectionStrings__Exact="Host=localhost;Username=postgres;Password=...;Database=exact"
            """;

    private static string InstallCommand(int? major)
    {
        if (OperatingSystem.IsWindows())
        {
            return $"winget install PostgreSQL.PostgreSQL.{major ?? 17}";
        }

        if (OperatingSystem.IsMacOS())
        {
            return $"brew install postgresql@{major ?? 17}";
        }

        // ID and ID_LIKE name the distribution and its family: https://www.freedesktop.org/software/systemd/man/os-release.html
        var system = File.Exists("/etc/os-release") ? File.ReadAllText("/etc/os-release").ToLowerInvariant() : "";
        return system switch
        {
            _ when system.Contains("debian") => $"sudo apt-get install postgresql{(major is null ? "" : $"-{major}")}",
            _ when system.Contains("alpine") => $"sudo apk add postgresql{major ?? 17}",
            _ when system.Contains("fedora") || system.Contains("rhel") => "sudo dnf install postgresql-server",
            _ when system.Contains("suse") => $"sudo zypper install postgresql{major}-server",
            _ when system.Contains("arch") => "sudo pacman -S postgresql",
            _ => "the package postgresql (or postgresql-server) of your distribution",
        };
    }
}
