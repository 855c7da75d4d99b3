using Exact.Infrastructure.Database;
using Exact.Infrastructure.Migrating;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.AspNetCore.Identity;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;

namespace Exact.Infrastructure.Accounts;

/// <summary>ASP.NET Core Identity over Exact's tables, with Django's rules.</summary>
internal static class AccountSetup
{
    public static void AddExactAccounts(this IServiceCollection services)
    {
        services.AddSingleton<ILookupNormalizer, CaseSensitiveNames>();
        services.AddSingleton<IPasswordHasher<User>, PasswordHashes>();
        services.AddScoped<IPasswordValidator<User>, PasswordRules>();
        // UserNames has the rule for new names. Imported names and addresses stay as they are.
        services
            .AddIdentityCore<User>(identity => identity.User.AllowedUserNameCharacters = "")
            .AddUserManager<Users>()
            .AddEntityFrameworkStores<ExactDbContext>();
        services.AddSingleton<PasswordCost>();
        services.AddSingleton<PasswordGate>();
        services.AddSingleton<SignInThrottle>();
        services.AddSingleton<SignInTelemetry>();
        services.AddKeyRing();
    }

    private static void AddKeyRing(this IServiceCollection services)
    {
        services
            .AddDataProtection()
            .SetApplicationName("Exact") // the folder of the program would be a part of every key
            .DisableAutomaticKeyGeneration()
            .PersistKeysToDbContext<ExactDbContext>();
        services.AddSingleton<KeyRing>();
        var shared = services.Single(service => service.ServiceType == typeof(IDataProtectionProvider));
        services.Replace(
            ServiceDescriptor.Singleton<IDataProtectionProvider>(provider => new ProtectionWithoutSchema(
                (IDataProtectionProvider)shared.ImplementationFactory!(provider),
                provider.GetRequiredService<SchemaState>()
            ))
        );
        // The framework would load the keys before the database is there, and hold up the start.
        services.Remove(services.Single(service => service.ImplementationType?.Name is "DataProtectionHostedService"));
    }
}
