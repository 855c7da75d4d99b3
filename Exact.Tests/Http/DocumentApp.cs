using Exact.Infrastructure.Accounts;
using Exact.Tests.Accounts;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Identity;
using Microsoft.AspNetCore.TestHost;
using Microsoft.Extensions.DependencyInjection;

namespace Exact.Tests.Http;

/// <summary>An <see cref="AccountsApp"/> for thousands of requests: passwords cost nothing, and nobody waits for a result.</summary>
public sealed class DocumentApp : AccountsApp
{
    protected override void ConfigureWebHost(IWebHostBuilder builder)
    {
        base.ConfigureWebHost(builder);
        builder.UseSetting("Legacy:WaitForResult", "0");
        builder.UseSetting("Logging:LogLevel:Default", "Error");
        builder.UseSetting("Logging:LogLevel:Microsoft.AspNetCore", "Error");
        builder.UseSetting("Logging:LogLevel:Microsoft.EntityFrameworkCore", "Error");
        builder.ConfigureTestServices(services => services.AddSingleton<IPasswordHasher<User>>(new CheapHashes()));
    }

    private sealed class CheapHashes : IPasswordHasher<User>
    {
        public string HashPassword(User user, string password) =>
            $"cheap{password.GetHashCode(StringComparison.Ordinal)}";

        public PasswordVerificationResult VerifyHashedPassword(User user, string hashed, string provided) =>
            hashed == HashPassword(user, provided)
                ? PasswordVerificationResult.Success
                : PasswordVerificationResult.Failed;
    }
}
