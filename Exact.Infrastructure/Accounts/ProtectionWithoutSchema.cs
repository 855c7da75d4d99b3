using System.Security.Cryptography;
using Exact.Infrastructure.Migrating;
using Microsoft.AspNetCore.DataProtection;

namespace Exact.Infrastructure.Accounts;

/// <summary>
/// Protects cookies and forms with a key of this process while the keys that all replicas share cannot be read, because
/// their table is still to be created. docs/decisions/console-before-migrations.md has the reasons.
/// </summary>
/// <param name="shared">The keys in the database.</param>
/// <param name="own">The key of this process, which is made when it is needed.</param>
/// <param name="state">Whether the table is there.</param>
internal sealed class ProtectionWithoutSchema(
    IDataProtectionProvider shared,
    Lazy<IDataProtectionProvider> own,
    SchemaState state
) : IDataProtectionProvider
{
    public ProtectionWithoutSchema(IDataProtectionProvider shared, SchemaState state)
        : this(shared, new(() => new EphemeralDataProtectionProvider()), state) { }

    public IDataProtector CreateProtector(string purpose) =>
        new Protector(shared.CreateProtector(purpose), new(() => own.Value.CreateProtector(purpose)), state);

    private sealed class Protector(IDataProtector shared, Lazy<IDataProtector> own, SchemaState state) : IDataProtector
    {
        public IDataProtector CreateProtector(string purpose) =>
            new Protector(shared.CreateProtector(purpose), new(() => own.Value.CreateProtector(purpose)), state);

        public byte[] Protect(byte[] plaintext)
        {
            try
            {
                if (state.HasStarted)
                {
                    return shared.Protect(plaintext);
                }
            }
            catch (CryptographicException) when (!state.IsOpen)
            {
                // the database went back to a time before the keys
            }

            return own.Value.Protect(plaintext);
        }

        public byte[] Unprotect(byte[] protectedData)
        {
            if (!state.HasStarted)
            {
                return own.Value.Unprotect(protectedData);
            }

            try
            {
                return shared.Unprotect(protectedData);
            }
            catch (CryptographicException) when (own.IsValueCreated)
            {
                return own.Value.Unprotect(protectedData); // from that time
            }
        }
    }
}
