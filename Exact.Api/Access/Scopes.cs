namespace Exact.Api.Access;

/// <summary>What a personal token may be used for. Each scope is also the name of the policy that asks for it.</summary>
internal static class Scopes
{
    public const string Read = "read";
    public const string Submit = "submit";
    public const string Evaluate = "evaluate";
    public const string Backup = "backup";

    /// <summary>Everything that its owner may do.</summary>
    public const string Admin = AdminAccess.Policy;

    public static readonly string[] All = [Read, Submit, Evaluate, Backup, Admin];

    /// <summary>
    /// Scopes that only members of staff have: a worker decides every score, and a backup holds the hashes of all
    /// passwords.
    /// </summary>
    public static readonly string[] OfStaff = [Evaluate, Backup, Admin];
}
