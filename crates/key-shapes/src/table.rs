//! The table of shapes.

/// How one kind of key begins and goes on.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Shape {
    /// A name for findings: lower case, dashes.
    pub id: &'static str,
    /// Who gives out such keys and what they are.
    pub what: &'static str,
    /// What every such key begins with. Public knowledge, so it may be shown.
    pub prefix: &'static str,
    /// What follows the prefix at the least, as a regular expression in ASCII.
    pub rest: &'static str,
}

impl Shape {
    /// Returns the expression of the whole shape, without boundaries.
    pub fn pattern(&self) -> String {
        format!("{}{}", regex::escape(self.prefix), self.rest)
    }
}

const fn shape(
    id: &'static str,
    what: &'static str,
    prefix: &'static str,
    rest: &'static str,
) -> Shape {
    Shape { id, what, prefix, rest }
}

const WORD_16: &str = "[A-Za-z0-9_-]{16,}";
/// Not `sk-ecdsa-sha2-nistp256-cert-v01` and its like, which name public keys of SSH.
const SK_REST: &str = "(?:[A-Za-z0-9_]{16,}|[A-Za-z0-9]+-[A-Za-z0-9_-]{24,})";
const PLAIN_20: &str = "[A-Za-z0-9]{20,}";

/// Every known shape; where one prefix continues another, the longer comes first.
pub const SHAPES: &[Shape] = &[
    shape("openai-project-key", "OpenAI project key", "sk-proj-", WORD_16),
    shape("openai-service-account-key", "OpenAI service account key", "sk-svcacct-", WORD_16),
    shape("openai-admin-key", "OpenAI admin key", "sk-admin-", WORD_16),
    shape("anthropic-admin-key", "Anthropic admin key", "sk-ant-admin01-", WORD_16),
    shape("anthropic-key", "Anthropic API key", "sk-ant-api03-", WORD_16),
    shape("anthropic-oauth-token", "Anthropic OAuth token", "sk-ant-oat01-", WORD_16),
    shape("anthropic-other-key", "Anthropic key", "sk-ant-", WORD_16),
    shape("openrouter-key", "OpenRouter API key", "sk-or-v1-", WORD_16),
    shape("openrouter-other-key", "OpenRouter key", "sk-or-", WORD_16),
    shape("sk-key", "API key of OpenAI, Moonshot, DeepSeek or others", "sk-", SK_REST),
    shape("github-personal-token", "GitHub personal access token", "ghp_", PLAIN_20),
    shape("github-oauth-token", "GitHub OAuth token", "gho_", PLAIN_20),
    shape("github-user-token", "GitHub app user token", "ghu_", PLAIN_20),
    shape("github-server-token", "GitHub app installation token", "ghs_", "[A-Za-z0-9._-]{20,}"),
    shape("github-app-refresh-token", "GitHub refresh token", "ghr_", PLAIN_20),
    shape("github-fine-grained-token", "GitHub token", "github_pat_", "[A-Za-z0-9_]{20,}"),
    shape("gitlab-token", "GitLab access token", "glpat-", WORD_16),
    shape("slack-app-level-token", "Slack app token", "xapp-", "[A-Za-z0-9-]{10,}"),
    shape("slack-token", "Slack token", "xox", r"[abceoprs](?:\.xox[a-z])?-[A-Za-z0-9-]{10,}"),
    shape("aws-access-key", "AWS access key id", "AKIA", "[0-9A-Z]{16}"),
    shape("aws-temporary-key", "AWS temporary access key id", "ASIA", "[0-9A-Z]{16}"),
    shape("stripe-live-key", "Stripe secret key", "sk_live_", PLAIN_20),
    shape("stripe-test-key", "Stripe secret key for tests", "sk_test_", PLAIN_20),
    shape("stripe-restricted-key", "Stripe restricted key", "rk_live_", PLAIN_20),
    shape("stripe-restricted-test-key", "Stripe restricted test key", "rk_test_", PLAIN_20),
    shape("stripe-webhook-secret", "Stripe webhook secret", "whsec_", "[A-Za-z0-9+/]{24,}"),
    shape("tailscale-auth-key", "Tailscale auth key", "tskey-auth-", "[A-Za-z0-9-]{10,}"),
    shape("tailscale-api-key", "Tailscale API key", "tskey-api-", "[A-Za-z0-9-]{10,}"),
    shape(
        "tailscale-client-secret",
        "Tailscale OAuth secret",
        "tskey-client-",
        "[A-Za-z0-9-]{10,}",
    ),
    shape("tailscale-key", "Tailscale key", "tskey-", "[A-Za-z0-9-]{10,}"),
    shape("ntfy-token", "ntfy access token", "tk_", "[a-z0-9]{24,}"),
    shape("google-api-key", "Google API key", "AIza", "[A-Za-z0-9_-]{30,}"),
    shape("google-oauth-token", "Google OAuth access token", "ya29.", "[A-Za-z0-9_-]{20,}"),
    shape("google-client-secret", "Google OAuth client secret", "GOCSPX-", WORD_16),
    shape("hugging-face-token", "Hugging Face token", "hf_", "[A-Za-z0-9]{30,}"),
    shape("groq-key", "Groq API key", "gsk_", "[A-Za-z0-9]{30,}"),
    shape("npm-token", "npm access token", "npm_", "[A-Za-z0-9]{30,}"),
    shape("pypi-token", "PyPI upload token", "pypi-AgE", "[A-Za-z0-9_-]{40,}"),
    shape("digitalocean-token", "DigitalOcean token", "dop_v1_", "[a-f0-9]{40,}"),
    shape("sendgrid-key", "SendGrid API key", "SG.", r"[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}"),
    shape("age-key", "age identity", "AGE-SECRET-KEY-1", "[0-9A-Z]{40,}"),
    shape(
        "json-web-token",
        "JSON web token",
        "eyJ",
        r"[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}",
    ),
];
