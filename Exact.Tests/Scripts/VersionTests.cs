using Exact.Tests.Support;

namespace Exact.Tests.Scripts;

/// <summary><c>scripts/version.sh</c> says what MinVer gives to a build, where the build cannot ask git.</summary>
public sealed class VersionTests(MigratedDatabase database) : IClassFixture<MigratedDatabase>
{
    [Theory]
    [InlineData("", "0.1.0-alpha.0")]
    [InlineData("commit; commit", "0.1.0-alpha.0.1")]
    [InlineData("commit; git tag v1.2.0", "1.2.0")]
    [InlineData("commit; git tag v1.2.0; commit; commit", "1.2.1-alpha.0.2")]
    [InlineData("commit; git tag v1.3.0-rc.1; commit", "1.3.0-rc.1.1")]
    [InlineData("commit; git tag v1.2.0; commit; git tag nightly", "1.2.1-alpha.0.1")]
    [InlineData("commit; branch; commit; merge", "0.1.0-alpha.0.2")]
    [InlineData("commit; git tag v1.2.0; branch; merge", "1.2.1-alpha.0.1")]
    [InlineData("commit; git tag v1.2.0; branch; git tag v1.3.0 side; commit; merge", "1.3.1-alpha.0.1")]
    [InlineData("commit; git tag v2.0.0; git tag v2; git tag v9-old; commit", "2.0.1-alpha.0.1")]
    [InlineData("commit; git tag v1.9.0; commit; git tag v1.10.0-rc.1; git tag v1.10.0; commit", "1.10.1-alpha.0.1")]
    public async Task A_version_comes_from_the_tag_and_the_commits_since(string history, string version)
    {
        using var checkout = new Checkout(database);

        var (output, _) = await checkout.SucceedAsync(
            "git() { command git -c user.name=a -c user.email=a@example.org \"$@\"; }; "
                + "commit() { git commit -q --allow-empty -m c; }; "
                + "branch() { git checkout -qb side; commit; commit; git checkout -q -; }; "
                + "merge() { git merge -q --no-ff -m m side; }; "
                + (history.Length > 0 ? $"git init --quiet; {history}; " : "")
                + "scripts/version.sh"
        );

        Assert.Equal(version, output.Trim());
    }
}
