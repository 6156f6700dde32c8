//! The product categories that event sources are grouped by.

/// What a service is for. Source: Function Compute, the list of event triggers for Alibaba Cloud services.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Category {
    /// Servers and their orchestration.
    ElasticComputing,
    /// Objects, files, tables.
    Storage,
    /// Databases and their backup.
    Database,
    /// Access, audit and protection.
    Security,
    /// Analysis and search.
    BigData,
    /// Vision and media intelligence.
    Ai,
    /// Networks, DNS and content delivery.
    NetworkingCdn,
    /// Live and recorded video, conferences.
    Video,
    /// Containers, messages and microservices.
    ContainersMiddleware,
    /// Monitoring, testing, governance.
    DeveloperOm,
    /// Domain names.
    DomainWebsite,
    /// Devices.
    Iot,
    /// Applications for enterprises.
    EnterpriseApplications,
    /// Mail and messages of enterprises.
    EnterpriseCommunications,
    /// None of the cloud's categories: what users add without naming one.
    Custom,
}

impl Category {
    /// Every category, in the order of the cloud's documentation, [`Category::Custom`] last.
    pub const ALL: [Category; 15] = [
        Category::ElasticComputing,
        Category::Storage,
        Category::Database,
        Category::Security,
        Category::BigData,
        Category::Ai,
        Category::NetworkingCdn,
        Category::Video,
        Category::ContainersMiddleware,
        Category::DeveloperOm,
        Category::DomainWebsite,
        Category::Iot,
        Category::EnterpriseApplications,
        Category::EnterpriseCommunications,
        Category::Custom,
    ];

    /// The word that stands for the category in files, on the command line and in APIs.
    pub const fn id(self) -> &'static str {
        self.words().0
    }

    /// The category's name in English.
    pub const fn name_en(self) -> &'static str {
        self.words().1
    }

    /// The category's name in Chinese.
    pub const fn name_zh(self) -> &'static str {
        self.words().2
    }

    /// The category that `id` stands for.
    pub fn from_id(id: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|category| category.id() == id)
    }

    const fn words(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Category::ElasticComputing => ("elastic-computing", "Elastic computing", "弹性计算"),
            Category::Storage => ("storage", "Storage", "存储"),
            Category::Database => ("database", "Database", "数据库"),
            Category::Security => ("security", "Security", "安全"),
            Category::BigData => ("big-data", "Big data", "大数据"),
            Category::Ai => ("ai", "Artificial intelligence", "人工智能"),
            Category::NetworkingCdn => ("networking-cdn", "Networking and CDN", "网络与CDN"),
            Category::Video => ("video", "Video", "视频云"),
            Category::ContainersMiddleware => {
                ("containers-middleware", "Containers and middleware", "容器与中间件")
            }
            Category::DeveloperOm => ("developer-om", "Developer tools and operations", "开发与运维"),
            Category::DomainWebsite => ("domain-website", "Domains and websites", "域名与网站"),
            Category::Iot => ("iot", "Internet of Things", "物联网"),
            Category::EnterpriseApplications => {
                ("enterprise-applications", "Enterprise applications", "企业应用")
            }
            Category::EnterpriseCommunications => {
                ("enterprise-communications", "Enterprise communications", "企业通信")
            }
            Category::Custom => ("custom", "Custom", "自定义"),
        }
    }
}
