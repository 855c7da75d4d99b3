using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.Identity;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;

namespace Exact.Infrastructure.Accounts;

/// <summary>Identity's users, with a security stamp that also changes when an import or SQL changes the account.</summary>
internal sealed class Users(
    IUserStore<User> store,
    IOptions<IdentityOptions> options,
    IPasswordHasher<User> passwordHasher,
    IEnumerable<IUserValidator<User>> userValidators,
    IEnumerable<IPasswordValidator<User>> passwordValidators,
    ILookupNormalizer keyNormalizer,
    IdentityErrorDescriber errors,
    IServiceProvider services,
    ILogger<UserManager<User>> logger
)
    : UserManager<User>(
        store,
        options,
        passwordHasher,
        userValidators,
        passwordValidators,
        keyNormalizer,
        errors,
        services,
        logger
    )
{
    /// <summary>Everything whose change ends the sessions of a user.</summary>
    public override Task<string> GetSecurityStampAsync(User user) =>
        Task.FromResult(
            Convert.ToHexString(
                SHA256.HashData(
                    Encoding.UTF8.GetBytes(
                        string.Join(
                            '\n',
                            user.SecurityStamp,
                            user.PasswordHash,
                            user.UserName,
                            user.IsActive,
                            user.IsStaff,
                            user.IsSuperuser
                        )
                    )
                )
            )
        );
}
